#pragma once

#include <string_view>

namespace troupe {

/// Whether processes of these versions ("1.4.2") may be in one cluster, for as long as an upgrade
/// takes: the same major version, and minor versions that are at most one apart; what a build has
/// added ("1.4.2+site3") does not count. False where either is no version.
[[nodiscard]] bool versions_fit(std::string_view one, std::string_view other);

}  // namespace troupe
