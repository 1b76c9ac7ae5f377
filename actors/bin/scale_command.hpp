#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "actors/bin/scale_provider.hpp"
#include "runtime/base/result.hpp"

namespace troupe::cli {

/// The operator's executable and what it is told.
struct scale_command {
  std::string file;                         ///< a path
  std::string join;                         ///< addresses for new nodes, with commas between
  std::string model;                        ///< where the cluster's model was opened
  std::chrono::milliseconds limit{60'000};  ///< of a call; then all that it has started is killed
};

/// Its path from the root; invalid_argument: it cannot be run.
[[nodiscard]] result<std::string> runnable_file(const std::string& file);

/// A provider that calls it, without a shell:
///
///   FILE grow --count N --join ADDRESS[,ADDRESS ...] --model PATH
///   FILE shrink NODE --host HOST
///
/// Exit status 0 says that the call has worked. Of any other end, the error has the status and the
/// last that was written to standard output or error. invalid_argument: the file cannot be run.
[[nodiscard]] result<std::unique_ptr<scale_provider>> make_command_provider(scale_command command);

}  // namespace troupe::cli
