#include "cluster/admission/work_rate.hpp"

#include <cmath>

namespace troupe {
namespace {

/// What was seen so long ago counts for a third of what is seen now.
constexpr double memory_seconds = 30;
/// Less than this says nothing.
constexpr double least_seconds = 0.5;

}  // namespace

void work_rate::add(std::uint64_t tokens, bool busy, time now) {
  if (busy && last_) {
    const double passed = std::chrono::duration<double>(now - *last_).count();
    const double kept = std::exp(-passed / memory_seconds);
    tokens_ = tokens_ * kept + static_cast<double>(tokens);
    seconds_ = seconds_ * kept + passed;
  }
  last_ = now;
}

std::optional<double> work_rate::per_second() const {
  if (seconds_ < least_seconds || tokens_ <= 0) return std::nullopt;
  return tokens_ / seconds_;
}

}  // namespace troupe
