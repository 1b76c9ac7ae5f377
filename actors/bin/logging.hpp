#pragma once

#include <spdlog/formatter.h>
#include <spdlog/logger.h>

#include <memory>
#include <string>

#include "actors/bin/log_format.hpp"

namespace troupe::cli {

/// Makes the program's log, on standard error, and has everything in the process write to it.
/// `level` is one that the configuration knows; `tag` tells this process's lines from others' on
/// the same terminal.
[[nodiscard]] std::shared_ptr<spdlog::logger> start_log(const std::string& level,
                                                        log_format format = log_format::text,
                                                        const std::string& tag = {});

/// What start_log's lines are made by. Text never holds control characters, whatever is logged.
[[nodiscard]] std::unique_ptr<spdlog::formatter> make_formatter(log_format format,
                                                                const std::string& tag);

}  // namespace troupe::cli
