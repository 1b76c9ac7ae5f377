#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "kernels/reference/convert.hpp"
#include "kernels/reference/ops.hpp"
#include "kernels/reference/product.hpp"

namespace troupe::kernels::reference {
namespace {

constexpr double largest_code = 448;

/// `value`, in units of the scale, to the nearest e4m3 number, ties to even; `largest_code` at
/// most.
std::uint8_t to_f8_e4m3(double value) {
  const auto sign = static_cast<std::uint8_t>(std::signbit(value) ? 0x80U : 0U);
  if (std::isnan(value)) return sign | 0x7fU;
  const double magnitude = std::fabs(value);
  // The spacing of e4m3 numbers around `magnitude`: 2^-9 below 2^-6, else 2^(exponent - 3).
  const int exponent = magnitude < 0x1p-6 ? -6 : std::ilogb(std::min(magnitude, 1024.0));
  const double steps =
      std::nearbyint(std::ldexp(std::min(magnitude, 2 * largest_code), 3 - exponent));
  const double rounded = std::min(std::ldexp(steps, exponent - 3), largest_code);
  for (std::uint8_t code = 0; code < 0x7fU; ++code)
    if (double{from_f8_e4m3(code)} == rounded) return sign | code;
  return sign | 0x7eU;
}

/// The least scale within bounds with which `peak` does not go past the largest code.
std::uint32_t exponent_for(double peak) {
  for (std::uint32_t e = f8_least_exponent; e < f8_most_exponent; ++e) {
    // 464 lies in the middle between 448 and what would come next, and 448 is the even one.
    if (std::ldexp(peak, 127 - static_cast<int>(e)) <= 464) return e;
  }
  return f8_most_exponent;
}

}  // namespace

void encode_rows(const encode_rows_params& p) {
  for (std::uint32_t r = 0; r < p.rows; ++r) {
    const float* x = p.x + std::size_t{r} * p.cols;
    auto* codes = reinterpret_cast<std::uint8_t*>(p.out + r * f8_row_bytes(p.cols));
    std::fill_n(codes, f8_row_bytes(p.cols), std::uint8_t{0});
    for (std::uint32_t first = 0; first < p.cols; first += f8_group) {
      const std::uint32_t end = std::min(first + f8_group, p.cols);
      double peak = 0;
      for (std::uint32_t i = first; i < end; ++i)
        if (!std::isnan(x[i])) peak = std::max(peak, std::fabs(double{x[i]}));
      const std::uint32_t e = exponent_for(peak);
      for (std::uint32_t i = first; i < end; ++i)
        codes[i] = to_f8_e4m3(std::ldexp(double{x[i]}, 127 - static_cast<int>(e)));
      codes[p.cols + first / f8_group] = static_cast<std::uint8_t>(e);
    }
  }
}

void decode_rows(const decode_rows_params& p) {
  std::vector<float> values(p.cols);
  for (std::uint32_t r = 0; r < p.rows; ++r) {
    const auto* codes = reinterpret_cast<const std::uint8_t*>(p.in + r * f8_row_bytes(p.cols));
    for (std::uint32_t i = 0; i < p.cols; ++i) {
      const int exponent = static_cast<int>(codes[p.cols + i / f8_group]) - 127;
      values[i] = std::copysign(std::ldexp(from_f8_e4m3(codes[i]), exponent),
                                (codes[i] & 0x80U) != 0 ? -1.0F : 1.0F);
    }
    write_activation(values, r, p.out);
  }
}

}  // namespace troupe::kernels::reference
