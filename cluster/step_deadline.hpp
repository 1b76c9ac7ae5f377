#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace troupe {

/// How long to wait for a step before its nodes are suspect: a multiple of what steps took lately,
/// scaled by rows, between a floor and a ceiling. Not thread-safe.
class step_deadline {
 public:
  using duration = std::chrono::steady_clock::duration;

  struct limits {
    double multiple = 8;
    duration floor = std::chrono::milliseconds(250);
    duration ceiling = std::chrono::seconds(30);
  };

  step_deadline() : step_deadline(limits()) {}
  explicit step_deadline(limits l) : limits_(l) {}

  /// A step of `rows` rows came back after `took`.
  void observe(std::uint32_t rows, duration took);
  /// The most to wait for a step of `rows` rows; the ceiling until something was observed.
  [[nodiscard]] duration allowed(std::uint32_t rows) const;

 private:
  struct seen {
    std::uint32_t rows = 0;
    duration took{0};
  };
  /// Short enough to follow a change within a second, long enough to remember a prefill.
  static constexpr std::size_t kept = 32;

  limits limits_;
  std::array<seen, kept> recent_{};
  std::uint64_t observed_ = 0;
};

}  // namespace troupe
