#pragma once

#include "runtime/release/protocols.hpp"

/// Which release this process is. All of it lies in one translation unit, so that a release that
/// differs from another in nothing else is a matter of linking.
namespace troupe::release {

/// What the present sources speak. A change that an older process cannot read raises `highest` and
/// keeps the older form beside the new one; `lowest` goes up once the release before last has gone.
/// Ask `protocols` what this process speaks.
inline constexpr protocol_offer present{.control = {5, 6}, .data = {3, 4}};

/// "0.1.0".
extern const char* const version;
/// What this process speaks.
extern const protocol_offer protocols;

}  // namespace troupe::release
