#pragma once

#include <cstdint>

namespace troupe {

/// What a step of decoding costs by its number of rows: a line through the steps seen lately.
///
/// Decoding is bound by reading the weights, so that a second row costs much less than the first;
/// with many rows arithmetic takes over. Where only one number of rows was seen lately the slope is
/// drawn towards a guess: steps are then tried with more rows, which tells.
class step_cost {
 public:
  /// A step of `rows` rows took `seconds`.
  void observe(std::uint32_t rows, double seconds);
  /// Seconds of a step of `rows` rows; only ratios count until something was observed.
  [[nodiscard]] double seconds(std::uint32_t rows) const;

 private:
  static constexpr double keep = 0.97;          ///< of a step's weight after the next
  static constexpr double guessed_slope = 0.1;  ///< a row's cost as a share of the fixed part
  double weight_ = 0, rows_ = 0, seconds_ = 0, rows_rows_ = 0, rows_seconds_ = 0;
};

}  // namespace troupe
