#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

namespace troupe {

/// How many tokens a second are worked off while all places are taken, lately. Plain: the caller
/// brings the time.
class work_rate {
 public:
  using time = std::chrono::steady_clock::time_point;

  /// `tokens` more were worked off; `busy`: all places have been taken since the last call.
  void add(std::uint64_t tokens, bool busy, time now);
  /// Tokens a second; nothing while too little has been seen.
  [[nodiscard]] std::optional<double> per_second() const;

 private:
  std::optional<time> last_;
  double tokens_ = 0;
  double seconds_ = 0;
};

}  // namespace troupe
