#include "runtime/release/release.hpp"

namespace troupe::release {

const char* const version = TROUPE_VERSION;
const protocol_offer protocols = present;

}  // namespace troupe::release
