#pragma once

#include <spdlog/logger.h>

#include <memory>
#include <string>

namespace troupe::cli {

/// Makes the program's log, on standard error, and has everything in the process write to it.
/// `level` is one that the configuration knows; `tag` tells this process's lines from others' on
/// the same terminal.
[[nodiscard]] std::shared_ptr<spdlog::logger> start_log(const std::string& level,
                                                        const std::string& tag = {});

}  // namespace troupe::cli
