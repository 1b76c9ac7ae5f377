#pragma once

#include <string>
#include <vector>

#include "runtime/base/error.hpp"
#include "runtime/base/result.hpp"

namespace troupe::cli {

/// Begins this process anew with that command line: memory, threads and connections of its former
/// life go with the old image, whatever state they are in. Returns only where that fails.
[[nodiscard]] error start_over(std::vector<std::string> command_line);

/// The command line that this process was begun with.
[[nodiscard]] result<std::vector<std::string>> own_command_line();

}  // namespace troupe::cli
