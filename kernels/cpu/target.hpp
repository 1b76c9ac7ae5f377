#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace troupe::kernels::cpu {

/// Names of the instruction sets this program has kernels for and this machine can run, fastest
/// first.
[[nodiscard]] std::vector<std::string> supported_targets();

/// Name of the instruction set that work submitted from now on uses.
[[nodiscard]] std::string target();

/// Uses `name` from now on; false when it is not one of supported_targets(). Results are the same
/// bits only among machines that run the same target, so a mixed cluster pins one. Call it at
/// start, before work is submitted.
[[nodiscard]] bool set_target(std::string_view name);

}  // namespace troupe::kernels::cpu
