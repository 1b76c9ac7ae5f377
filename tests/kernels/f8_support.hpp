#pragma once

#include <cstdint>
#include <vector>

#include "kernels/api/f8_rows.hpp"
#include "tests/kernels/support.hpp"

namespace troupe::kernels::test {

/// Rows of everything a float32 may be, group by group: numbers near each other, of any magnitude,
/// subnormals, zeros of both signs, ties, a spike among small ones; with `strange` also infinities
/// and NaN.
[[nodiscard]] std::vector<float> wild_rows(std::uint32_t rows, std::uint32_t cols, bool strange,
                                           generator& random);

/// What the reference makes of rows, and of its own bytes.
[[nodiscard]] std::vector<std::byte> encoded(const std::vector<float>& x, std::uint32_t rows,
                                             std::uint32_t cols);
[[nodiscard]] std::vector<float> decoded(const std::vector<std::byte>& bytes, std::uint32_t rows,
                                         std::uint32_t cols);

/// Widths with whole groups and without, of few columns and of many.
[[nodiscard]] const std::vector<std::uint32_t>& f8_widths();

}  // namespace troupe::kernels::test
