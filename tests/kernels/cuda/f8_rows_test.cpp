#include <doctest/doctest.h>

#include "kernels/cuda/body/f8_rows.hpp"
#include "tests/kernels/cuda/support.hpp"
#include "tests/kernels/f8_support.hpp"

namespace troupe::kernels::test {

TEST_CASE("gpu: FP8 rows are the reference's to the bit, in any batch") {
  generator random(111);
  for (int round = 0; round < 8; ++round) {
    for (const std::uint32_t cols : f8_widths()) {
      const std::uint32_t rows = pick(random, 1, 4);
      CAPTURE(cols);
      const std::vector<float> x = wild_rows(rows, cols, round % 2 == 0, random);
      const std::vector<std::byte> bytes = encoded(x, rows, cols);
      const std::vector<float> numbers = decoded(bytes, rows, cols);
      cuda::emulated_stream s(static_cast<std::uint32_t>(round));
      std::vector<std::byte> out(bytes.size(), std::byte{0xaa});
      REQUIRE(gpu_backend().encode_rows(s, {x.data(), out.data(), rows, cols}) == status::ok);
      CHECK(out == bytes);
      std::vector<float> back(numbers.size());
      const activation to{back.data(), nullptr, cols};
      REQUIRE(gpu_backend().decode_rows(s, {out.data(), to, rows, cols}) == status::ok);
      CHECK(same_bits(back, numbers));
      const std::size_t last = std::size_t{rows - 1} * cols;
      std::vector<std::byte> alone(f8_row_bytes(cols));
      REQUIRE(gpu_backend().encode_rows(s, {x.data() + last, alone.data(), 1, cols}) == status::ok);
      CHECK(std::equal(alone.begin(), alone.end(),
                       bytes.end() - static_cast<std::ptrdiff_t>(alone.size())));
    }
  }
}

TEST_CASE("gpu: FP8 rows are not read as integer groups") {
  cuda::emulated_stream s;
  std::byte in[64] = {};
  std::byte q8[q8_row_bytes(32)];
  CHECK(gpu_backend().decode_rows(s, {in, {nullptr, q8, 32}, 1, 32}) == status::unsupported);
  CHECK(gpu_backend().decode_rows(s, {in, {nullptr, nullptr, 32}, 1, 32}) == status::invalid_shape);
  CHECK(gpu_backend().encode_rows(s, {nullptr, in, 1, 32}) == status::invalid_shape);
}

}  // namespace troupe::kernels::test
