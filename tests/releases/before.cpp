// A release that does not speak the newest version of the data protocol yet.
#include "runtime/release/release.hpp"

namespace troupe::release {

const char* const version = TROUPE_VERSION;
const protocol_offer protocols{.control = present.control,
                               .data = {present.data.lowest, present.data.highest - 1}};

}  // namespace troupe::release
