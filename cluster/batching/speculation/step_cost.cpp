#include "cluster/batching/speculation/step_cost.hpp"

#include <algorithm>

namespace troupe {

void step_cost::observe(std::uint32_t rows, double seconds) {
  const double r = rows;
  for (double* sum : {&weight_, &rows_, &seconds_, &rows_rows_, &rows_seconds_}) *sum *= keep;
  weight_ += 1;
  rows_ += r;
  seconds_ += seconds;
  rows_rows_ += r * r;
  rows_seconds_ += r * seconds;
}

double step_cost::seconds(std::uint32_t rows) const {
  if (weight_ == 0 || seconds_ <= 0) return 1 + guessed_slope * rows;
  const double mean_rows = rows_ / weight_;
  const double mean_seconds = seconds_ / weight_;
  const double guess = guessed_slope * mean_seconds / (1 + guessed_slope * mean_rows);
  // Least squares, with a little weight on the guess: it decides where the rows hardly vary.
  constexpr double trust = 0.05;
  const double variance = std::max(0.0, rows_rows_ / weight_ - mean_rows * mean_rows);
  const double covariance = rows_seconds_ / weight_ - mean_rows * mean_seconds;
  // A negative slope, or a fixed part below nothing, is noise.
  const double slope =
      std::clamp((covariance + trust * guess) / (variance + trust), 0.0, mean_seconds / mean_rows);
  return mean_seconds + slope * (rows - mean_rows);
}

}  // namespace troupe
