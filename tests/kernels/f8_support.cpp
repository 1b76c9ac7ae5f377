#include "tests/kernels/f8_support.hpp"

#include <bit>
#include <cmath>
#include <limits>

#include "kernels/reference/ops.hpp"

namespace troupe::kernels::test {
namespace {

constexpr std::uint32_t kinds = 7;

float wild(std::uint32_t kind, std::uint32_t i, generator& random) {
  std::normal_distribution<float> normal;
  const float sign = random() % 2 == 0 ? 1.0F : -1.0F;
  switch (kind) {
    case 0:
      return normal(random);
    case 1: {  // any finite bits
      const auto bits = static_cast<std::uint32_t>(random());
      const float any = std::bit_cast<float>(bits);
      return std::isfinite(any) ? any : std::bit_cast<float>(bits & 0xff7fffffU);
    }
    case 2:  // subnormals and what lies just above
      return sign * std::ldexp(normal(random), -126);
    case 3:
      return sign * 0.0F;
    case 4:  // halves of e4m3's steps beside the numbers themselves
      return sign * std::ldexp(static_cast<float>(pick(random, 0, 64)) / 4, pick(random, 0, 8));
    case 5:
      return i % f8_group == 9 ? -3000.0F : 0.001F * normal(random);
    default:  // around where the scale changes, at both ends of the range
      return sign * std::ldexp(460.0F + static_cast<float>(pick(random, 0, 8)),
                               random() % 2 == 0 ? 119 : -117);
  }
}

}  // namespace

std::vector<float> wild_rows(std::uint32_t rows, std::uint32_t cols, bool strange,
                             generator& random) {
  std::vector<float> x(std::size_t{rows} * cols);
  for (std::uint32_t r = 0; r < rows; ++r) {
    std::uint32_t kind = 0;
    for (std::uint32_t i = 0; i < cols; ++i) {
      if (i % f8_group == 0) kind = pick(random, 0, kinds - 1);
      float& v = x[std::size_t{r} * cols + i];
      v = wild(kind, i, random);
      if (!strange || pick(random, 0, 150) != 0) continue;
      v = random() % 2 == 0 ? std::numeric_limits<float>::infinity()
                            : std::numeric_limits<float>::quiet_NaN();
      if (random() % 2 == 0) v = -v;
    }
  }
  return x;
}

std::vector<std::byte> encoded(const std::vector<float>& x, std::uint32_t rows,
                               std::uint32_t cols) {
  std::vector<std::byte> out(rows * f8_row_bytes(cols), std::byte{0x55});
  reference::encode_rows({x.data(), out.data(), rows, cols});
  return out;
}

std::vector<float> decoded(const std::vector<std::byte>& bytes, std::uint32_t rows,
                           std::uint32_t cols) {
  std::vector<float> out(std::size_t{rows} * cols);
  reference::decode_rows({bytes.data(), {out.data(), nullptr, cols}, rows, cols});
  return out;
}

const std::vector<std::uint32_t>& f8_widths() {
  static const std::vector<std::uint32_t> widths = {1, 31, 32, 127, 128, 129, 320, 576, 1000, 2048};
  return widths;
}

}  // namespace troupe::kernels::test
