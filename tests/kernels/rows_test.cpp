#include <doctest/doctest.h>

#include <vector>

#include "kernels/reference/dequantise.hpp"
#include "kernels/reference/ops.hpp"
#include "tests/kernels/support.hpp"

namespace troupe::kernels::test {

TEST_CASE("rms_norm agrees with the reference and fills every form asked for") {
  generator random(21);
  for (const std::uint32_t cols : {1U, 33U, 64U, 576U, 1000U}) {
    const bool q8 = cols % q8_group == 0;
    const std::uint32_t rows = 5;
    const std::vector<float> x = random_floats(rows * cols, random);
    const std::vector<float> weight = random_floats(cols, random);
    owned_activation expected(rows, cols, true, false);
    rms_norm_params p{x.data(), weight.data(), expected.view(), 1e-5F, rows, cols};
    reference::rms_norm(p);
    each_target([&](const std::string& target) {
      CAPTURE(target);
      CAPTURE(cols);
      owned_activation both(rows, cols, true, q8);
      p.out = both.view();
      shuffled_stream s(3);
      REQUIRE(cpu_backend().rms_norm(s, p) == status::ok);
      CHECK(largest_error(both.f32(), expected.f32(), 1e-3) < 3e-6);
      if (!q8) return;
      owned_activation only(rows, cols, false, true);
      p.out = only.view();
      REQUIRE(cpu_backend().rms_norm(s, p) == status::ok);
      CHECK(only.q8() == both.q8());
    });
  }
}

TEST_CASE("integer activations are the reference's, byte for byte") {
  generator random(22);
  const std::uint32_t cols = 256;
  std::vector<float> x = random_floats(cols, random);
  // A group of zeros, of numbers too small to divide by, of one spike, and of ties.
  for (std::uint32_t i = 0; i < 32; ++i) {
    x[i] = 0;
    x[32 + i] = 1e-38F;
    x[64 + i] = i == 9 ? -1000.0F : 0.001F;
    x[96 + i] = i == 0 ? 127.0F : static_cast<float>(i) - 15.5F;
  }
  std::vector<std::byte> expected(q8_row_bytes(cols));
  reference::quantise_row(x.data(), cols, expected.data());
  // A norm by ones of a row whose mean square is made one by eps leaves the row as it is.
  const std::vector<float> one(cols, 1.0F);
  each_target([&](const std::string& target) {
    CAPTURE(target);
    owned_activation out(1, cols, true, true);
    shuffled_stream s;
    const rms_norm_params p{x.data(), one.data(), out.view(), 0.0F, 1, cols};
    REQUIRE(cpu_backend().rms_norm(s, p) == status::ok);
    reference::quantise_row(out.f32().data(), cols, expected.data());
    CHECK(out.q8() == expected);
  });
}

TEST_CASE("gather_rows copies the rows asked for") {
  const std::vector<float> in = {0, 1, 10, 11, 20, 21};
  const std::vector<std::uint32_t> index = {2, 0, 2};
  std::vector<float> out(6);
  shuffled_stream s(2);
  REQUIRE(cpu_backend().gather_rows(s, {in.data(), index.data(), out.data(), 3, 2}) == status::ok);
  CHECK(out == std::vector<float>{20, 21, 0, 1, 20, 21});
}

TEST_CASE("combine adds expert outputs in rank order, with and without weights") {
  generator random(23);
  for (const std::uint32_t cols : {5U, 64U, 577U}) {
    const std::uint32_t rows = 7;
    const std::uint32_t top_k = 3;
    const std::vector<float> start = random_floats(rows * cols, random);
    const std::vector<float> outputs = random_floats(rows * top_k * cols, random);
    const std::vector<float> weights = random_floats(rows * top_k, random);
    for (const float* w : {weights.data(), static_cast<const float*>(nullptr)}) {
      std::vector<float> expected = start;
      reference::combine({expected.data(), outputs.data(), w, rows, top_k, cols});
      each_target([&](const std::string& target) {
        CAPTURE(target);
        std::vector<float> x = start;
        shuffled_stream s(2);
        REQUIRE(cpu_backend().combine(s, {x.data(), outputs.data(), w, rows, top_k, cols}) ==
                status::ok);
        CHECK(largest_error(x, expected, 1.0) < 2e-6);
      });
    }
  }
}

TEST_CASE("copies are exact, of one piece and of rows with gaps between them") {
  generator random(29);
  const std::vector<float> from = random_floats(200'000, random);
  each_target([&](const std::string& target) {
    CAPTURE(target);
    shuffled_stream s(3);
    std::vector<float> whole(from.size());
    REQUIRE(cpu_backend().copy(s, {whole.data(), from.data(), from.size() * sizeof(float)}) ==
            status::ok);
    CHECK(whole == from);
    std::vector<float> columns(100 * 7, -1.0F);
    REQUIRE(cpu_backend().copy(s, {columns.data(), from.data() + 5, 4 * sizeof(float), 100,
                                   7 * sizeof(float), 11 * sizeof(float)}) == status::ok);
    for (std::size_t r = 0; r < 100; ++r)
      for (std::size_t i = 0; i < 7; ++i)
        CHECK(columns[r * 7 + i] == (i < 4 ? from[5 + r * 11 + i] : -1.0F));
    CHECK(cpu_backend().copy(s, {nullptr, nullptr, 0}) == status::ok);
    CHECK(cpu_backend().copy(s, {nullptr, from.data(), 4}) == status::invalid_shape);
    CHECK(cpu_backend().copy(s, {columns.data(), from.data(), 8, 2, 4, 8}) ==
          status::invalid_shape);
  });
}

}  // namespace troupe::kernels::test
