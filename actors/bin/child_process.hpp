#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "actors/bin/descriptor.hpp"
#include "runtime/base/result.hpp"

namespace troupe::cli {

/// A program to start.
struct child_command {
  std::string program;  ///< a path; "/proc/self/exe" is this program, replaced or not
  std::vector<std::string> arguments;  ///< the name it is called by is the first
  int output = -1;  ///< a descriptor for what it writes; borrowed until it runs; -1: as here
};

/// A child process: killed, at the latest, with this object, and by the kernel when the *thread*
/// that started it ends. Standard input is /dev/null, standard output and error are this process's
/// unless the command says otherwise;
/// no other descriptor, signal mask or process group passes on, so that a Ctrl-C meant for the
/// parent does not reach it.
///
/// One thread at a time.
class child_process {
 public:
  /// Why a process ended.
  struct end {
    int code = 0;    ///< exit status, where no signal ended it
    int signal = 0;  ///< else 0
    /// "exit status 3", "signal 9 (Killed)"
    [[nodiscard]] std::string text() const;
  };

  /// Returns once the program runs. Any number of threads may run in this process. Fails with
  /// not_found or io_error where it cannot be started.
  [[nodiscard]] static result<child_process> start(const child_command& command);

  child_process(child_process&& other) noexcept;
  child_process& operator=(child_process&&) = delete;
  ~child_process();

  [[nodiscard]] int pid() const { return pid_; }
  /// Becomes readable when the process has ended; lives as long as this object.
  [[nodiscard]] int watched() const { return watched_.number(); }
  /// True once it has ended; then `ended` says how. Does not wait.
  [[nodiscard]] bool finished(end& ended);
  /// Waits for the end, at most `limit`.
  [[nodiscard]] bool wait(std::chrono::milliseconds limit);
  /// Asks it to end, also where it is stopped.
  void terminate() const;
  void kill() const;
  /// Kills it with everything that it has started and that has not left its process group.
  void kill_group() const;

 private:
  child_process(int pid, descriptor watched) : pid_(pid), watched_(std::move(watched)) {}

  int pid_;              ///< -1: moved from
  descriptor watched_;   ///< a pidfd
  bool reaped_ = false;  ///< until then the number is this child's and no other's
  end end_;
};

}  // namespace troupe::cli
