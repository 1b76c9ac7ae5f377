#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "actors/bin/child_process.hpp"
#include "runtime/base/result.hpp"

namespace troupe::cli {

/// How patient worker_processes are.
struct worker_timing {
  std::chrono::milliseconds first_pause{100};      ///< before a restart
  std::chrono::milliseconds most_pause{5'000};     ///< however often it ends
  std::chrono::milliseconds steady_after{10'000};  ///< of running: its next pause is short again
  std::chrono::milliseconds stop_within{3'000};    ///< from SIGTERM to SIGKILL
};

/// Child processes that are kept running: one that ends for any reason but its own wish (exit
/// status 0) is started again under its name, after a pause that grows while it keeps ending.
/// Destroying this ends them all: SIGTERM, then SIGKILL.
class worker_processes {
 public:
  struct worker {
    std::string name;
    child_command command;
  };
  struct status {
    std::string name;
    int pid = 0;  ///< 0: it does not run
    std::uint32_t starts = 0;
    bool left = false;  ///< it ended by its own wish
  };
  /// Takes a line that says what happened to a worker; called on a thread of this object's.
  using notice = std::function<void(std::string_view line)>;

  worker_processes() = default;
  worker_processes(const worker_processes&) = delete;
  worker_processes& operator=(const worker_processes&) = delete;
  virtual ~worker_processes() = default;

  /// Returns once every program runs; where one cannot, none is left running.
  [[nodiscard]] static result<std::unique_ptr<worker_processes>> start(
      std::vector<worker> workers, notice tell, const worker_timing& times = {});
  /// Any thread.
  [[nodiscard]] virtual std::vector<status> state() const = 0;
  /// Keeps one more running, which may have the name of one that has left. Returns once its program
  /// runs; already_exists: there is one of that name. Any thread.
  [[nodiscard]] virtual result<void> add(worker added) = 0;
  /// Ends one and forgets it, once it has ended: SIGTERM, then SIGKILL. Does not wait. Any thread.
  virtual void remove(const std::string& name) = 0;
};

}  // namespace troupe::cli
