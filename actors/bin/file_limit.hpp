#pragma once

#include <spdlog/logger.h>

#include <cstddef>

namespace troupe::cli {

/// Lets this process open as many files as so many connections need, which is more than a shell
/// usually grants; says so in the log where the system's own limit is below that.
void raise_file_limit(std::size_t connections, spdlog::logger& log);

}  // namespace troupe::cli
