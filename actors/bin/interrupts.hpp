#pragma once

#include <csignal>
#include <initializer_list>

namespace troupe::cli {

/// Signals taken when the program asks for them, instead of whenever they come.
///
/// Make one before any thread starts: threads inherit the mask, so that the signals reach nobody
/// else. Destroying it restores the mask.
class interrupts {
 public:
  explicit interrupts(std::initializer_list<int> signals);
  interrupts(const interrupts&) = delete;
  interrupts& operator=(const interrupts&) = delete;
  ~interrupts();

  /// Takes a signal that has come; 0 where none has.
  [[nodiscard]] int take() const;
  /// Takes the next signal, waiting at most `milliseconds`; 0 where none came.
  [[nodiscard]] int wait(long milliseconds) const;
  /// Where a signal has come, lets it do what it would have done without this object: end the
  /// process. For long work that nobody can stop otherwise.
  void deliver() const;
  /// From now on the signals end the process at once, as if this object had never been.
  void release() const;

 private:
  sigset_t signals_ = {};
  sigset_t before_ = {};
};

}  // namespace troupe::cli
