// The next release: it speaks what the present one does, and a newer version of each protocol.
#include "runtime/release/release.hpp"

namespace troupe::release {

const char* const version = TROUPE_VERSION;
const protocol_offer protocols{.control = {present.control.lowest, present.control.highest + 1},
                               .data = {present.data.lowest, present.data.highest + 1}};

}  // namespace troupe::release
