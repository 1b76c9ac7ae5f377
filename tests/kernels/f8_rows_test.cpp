#include "kernels/api/f8_rows.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "kernels/cpu/cost.hpp"
#include "kernels/reference/dequantise.hpp"
#include "kernels/reference/ops.hpp"
#include "tests/kernels/f8_support.hpp"

namespace troupe::kernels::test {
namespace {

constexpr float infinity = std::numeric_limits<float>::infinity();

/// What becomes of a group of these numbers, and of zeros behind them.
std::vector<float> rounded(const std::vector<float>& values) {
  const auto cols = static_cast<std::uint32_t>(values.size());
  return decoded(encoded(values, 1, cols), 1, cols);
}
std::uint32_t exponent_of(const std::vector<float>& values) {
  const auto cols = static_cast<std::uint32_t>(values.size());
  return std::to_integer<std::uint32_t>(encoded(values, 1, cols)[cols]);
}

}  // namespace

TEST_CASE("a row's FP8 form is a byte a column, one a group, and zeros") {
  CHECK(f8_row_bytes(1) == 64);
  CHECK(f8_row_bytes(126) == 128);
  CHECK(f8_row_bytes(128) == 192);
  CHECK(f8_row_bytes(2048) == 2112);
  const std::vector<std::byte> bytes = encoded(std::vector<float>(130, 1.0F), 1, 130);
  REQUIRE(bytes.size() == 192);
  for (std::size_t i = 132; i < bytes.size(); ++i) CHECK(bytes[i] == std::byte{0});
}

TEST_CASE(
    "the scale is the least that keeps the largest number, which is rounded like all others") {
  CHECK(exponent_of({448.0F}) == 127);
  CHECK(exponent_of({464.0F}) == 127);  // a tie, to even: 448
  CHECK(exponent_of({std::nextafter(464.0F, 500.0F)}) == 128);
  CHECK(rounded({464.0F, 1.0F})[0] == 448.0F);
  CHECK(rounded({470.0F})[0] == 480.0F);
  CHECK(rounded({1.0F, 1.03F, 1.0625F, 1.07F, 0.0F}) ==
        std::vector<float>{1.0F, 1.0F, 1.0F, 1.125F, 0.0F});
  // Subnormal codes: steps of 2^-9 of the scale.
  CHECK(rounded({256.0F, 0x1p-9F, 0x1p-10F, 0x1.8p-9F, 0x0.fp-6F}) ==
        std::vector<float>{256.0F, 0x1p-9F, 0.0F, 0x1p-8F, 0x1p-6F});
}

TEST_CASE("numbers that are none, or too large or small for any scale, are defined") {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  CHECK(exponent_of({0.0F, -0.0F}) == f8_least_exponent);
  CHECK(exponent_of({nan, -nan}) == f8_least_exponent);
  CHECK(exponent_of({infinity}) == f8_most_exponent);
  CHECK(exponent_of({std::numeric_limits<float>::max()}) == f8_most_exponent);
  CHECK(rounded({infinity, -infinity}) == std::vector<float>{0x1.cp127F, -0x1.cp127F});
  CHECK(rounded({std::numeric_limits<float>::max()})[0] == 0x1.cp127F);
  CHECK(exponent_of({0x1p-149F}) == f8_least_exponent);
  CHECK(rounded({0x1p-149F, 0x1p-126F}) == std::vector<float>{0.0F, 0x1p-126F});
  const std::vector<float> mixed = rounded({nan, -nan, 2.0F, -0.0F, -0x1p-100F});
  CHECK((std::isnan(mixed[0]) && !std::signbit(mixed[0])));
  CHECK((std::isnan(mixed[1]) && std::signbit(mixed[1])));
  CHECK(mixed[2] == 2.0F);
  CHECK((mixed[3] == 0 && std::signbit(mixed[3])));
  CHECK((mixed[4] == 0 && std::signbit(mixed[4])));
}

TEST_CASE("FP8 rows: every target writes the reference's bytes and reads its numbers") {
  generator random(31);
  for (int round = 0; round < 40; ++round) {
    for (const std::uint32_t cols : f8_widths()) {
      const std::uint32_t rows = pick(random, 1, 5);
      const bool strange = round % 2 == 0;
      const std::vector<float> x = wild_rows(rows, cols, strange, random);
      const std::vector<std::byte> bytes = encoded(x, rows, cols);
      const std::vector<float> numbers = decoded(bytes, rows, cols);
      // Encoding them again loses nothing.
      REQUIRE(encoded(numbers, rows, cols) == bytes);
      const bool q8 = !strange && cols % q8_group == 0;
      each_target([&](const std::string& target) {
        CAPTURE(target);
        CAPTURE(cols);
        shuffled_stream s(3);
        std::vector<std::byte> out(bytes.size(), std::byte{0xaa});
        REQUIRE(cpu_backend().encode_rows(s, {x.data(), out.data(), rows, cols}) == status::ok);
        CHECK(out == bytes);
        owned_activation both(rows, cols, true, q8);
        REQUIRE(cpu_backend().decode_rows(s, {bytes.data(), both.view(), rows, cols}) ==
                status::ok);
        CHECK(same_bits(both.f32(), numbers));
        if (!q8) return;
        std::vector<std::byte> quantised(q8_row_bytes(cols));
        owned_activation only(rows, cols, false, true);
        REQUIRE(cpu_backend().decode_rows(s, {bytes.data(), only.view(), rows, cols}) ==
                status::ok);
        CHECK(only.q8() == both.q8());
        for (std::uint32_t r = 0; r < rows; ++r) {
          reference::quantise_row(numbers.data() + std::size_t{r} * cols, cols, quantised.data());
          const auto groups = cols / q8_group * sizeof(q8_block);
          CHECK(std::equal(quantised.begin(),
                           quantised.begin() + static_cast<std::ptrdiff_t>(groups),
                           only.q8().begin() + static_cast<std::ptrdiff_t>(r * quantised.size())));
        }
      });
    }
  }
}

TEST_CASE("FP8 rows stay near: half of a step of three bits, of the largest where one is small") {
  generator random(32);
  const std::vector<float> x = random_floats(std::size_t{64} * 1024, random);
  const std::vector<float> y = decoded(encoded(x, 64, 1024), 64, 1024);
  for (std::size_t i = 0; i < x.size(); ++i)
    CHECK(std::fabs(y[i] - x[i]) <= std::max(std::fabs(x[i]) / 16, 5.0F / 224 * 0x1p-9F));
}

TEST_CASE("FP8 rows of the wrong shape are refused, and none cost nothing") {
  shuffled_stream s;
  float x = 1;
  std::byte out[64];
  backend& b = cpu_backend();
  CHECK(b.encode_rows(s, {&x, out, 0, 1}) == status::ok);
  CHECK(b.encode_rows(s, {nullptr, out, 1, 1}) == status::invalid_shape);
  CHECK(b.encode_rows(s, {&x, nullptr, 1, 1}) == status::invalid_shape);
  CHECK(b.encode_rows(s, {&x, out, 1, 0}) == status::invalid_shape);
  CHECK(b.decode_rows(s, {nullptr, {&x, nullptr, 1}, 1, 1}) == status::invalid_shape);
  CHECK(b.decode_rows(s, {out, {nullptr, nullptr, 1}, 1, 1}) == status::invalid_shape);
  CHECK(b.decode_rows(s, {out, {&x, nullptr, 2}, 1, 1}) == status::invalid_shape);
  CHECK(b.decode_rows(s, {out, {&x, out, 1}, 1, 1}) == status::invalid_shape);
  CHECK(cpu::cost(encode_rows_params{&x, out, 3, 128}).bytes == 3 * (128 * 4 + 192));
  CHECK(cpu::cost(decode_rows_params{out, {nullptr, out, 128}, 3, 128}).bytes ==
        3 * (192 + static_cast<double>(q8_row_bytes(128))));
}

}  // namespace troupe::kernels::test
