// A release that has left the present one's control protocol behind.
#include "runtime/release/release.hpp"

namespace troupe::release {

const char* const version = TROUPE_VERSION;
const protocol_offer protocols{
    .control = {present.control.highest + 1, present.control.highest + 2}, .data = present.data};

}  // namespace troupe::release
