#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <new>

namespace troupe {

/// What compiling one structure may take.
struct compile_limits {
  std::chrono::milliseconds processor{4'000};  ///< of the thread's own time
  std::size_t bytes = std::size_t{256} << 20U;
  /// For tests: as if there were no memory for any more.
  std::uint64_t allocations = std::numeric_limits<std::uint64_t>::max();
};

/// Thrown out of an allocation, as std::bad_alloc is: whatever allocates can be stopped so.
class budget_exceeded final : public std::bad_alloc {
 public:
  [[nodiscard]] const char* what() const noexcept override { return "it takes too much"; }
};

/// Bounds a library that cannot be stopped: while a budget is in force on a thread, operator new
/// throws there once the thread has had its time or its memory. What it had is freed on the way
/// out; what other threads do is not looked at. Under sanitizers, which have allocators of their
/// own, nothing is bounded.
class compile_budget {
 public:
  explicit compile_budget(const compile_limits& limits) : limits_(limits) {}
  compile_budget(const compile_budget&) = delete;
  compile_budget& operator=(const compile_budget&) = delete;
  ~compile_budget() = default;

  /// In force on this thread for as long as it lives; one at a time.
  class scope {
   public:
    explicit scope(compile_budget& budget);
    scope(const scope&) = delete;
    scope& operator=(const scope&) = delete;
    ~scope();
  };

  /// Whether anything was refused.
  [[nodiscard]] bool spent() const { return spent_; }
  /// Whether this build bounds anything.
  [[nodiscard]] static bool enforced();

  // For operator new and delete alone.
  void before(std::size_t bytes);
  void took(std::size_t bytes) { held_ += static_cast<std::int64_t>(bytes); }
  void gave(std::size_t bytes) { held_ -= static_cast<std::int64_t>(bytes); }

 private:
  [[nodiscard]] bool over(std::size_t bytes);

  const compile_limits limits_;
  std::chrono::nanoseconds until_{};
  std::int64_t held_ = 0;
  std::uint64_t allocations_ = 0;
  std::uint64_t next_look_ = 0;
  bool spent_ = false;
};

}  // namespace troupe
