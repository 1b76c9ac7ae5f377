#include <doctest/doctest.h>

#include <vector>

#include "kernels/cuda/body/rows.hpp"
#include "kernels/reference/ops.hpp"
#include "tests/kernels/cuda/support.hpp"

namespace troupe::kernels::test {
namespace {

std::uint32_t random_width(generator& random) {
  constexpr std::uint32_t widths[] = {1, 31, 64, 576, 1000, 1024, 2048};
  return widths[pick(random, 0, 6)];
}

}  // namespace

TEST_CASE("gpu: rms_norm agrees with the reference, and a row has the same bits in any batch") {
  generator random(101);
  for (int round = 0; round < 12; ++round) {
    const std::uint32_t cols = random_width(random);
    const std::uint32_t rows = pick(random, 1, 6);
    CAPTURE(cols);
    const std::vector<float> x = random_floats(std::size_t{rows} * cols, random, 3.0F);
    const std::vector<float> weight = random_floats(cols, random);
    const auto norm = [&](std::uint32_t first, std::uint32_t count) {
      std::vector<float> out(std::size_t{count} * cols);
      cuda::emulated_stream s(first + round);
      REQUIRE(gpu_backend().rms_norm(s, {x.data() + std::size_t{first} * cols,
                                         weight.data(),
                                         {out.data(), nullptr, cols},
                                         1e-6F,
                                         count,
                                         cols}) == status::ok);
      return out;
    };
    std::vector<float> expected(x.size());
    reference::rms_norm(
        {x.data(), weight.data(), {expected.data(), nullptr, cols}, 1e-6F, rows, cols});
    const std::vector<float> out = norm(0, rows);
    CHECK(largest_error(out, expected, 1e-3) < 1e-6);
    CHECK(same_bits(out, rows_alone(rows, norm)));
  }
}

TEST_CASE("gpu: embed reads every type of weight as the reference does") {
  generator random(102);
  for (const dtype type : weight_types()) {
    const std::uint32_t cols = info(type).block_elements == 1 ? 333 : 512;
    const owned_matrix table(type, 200, cols, random);
    std::vector<std::int32_t> ids(7);
    for (auto& id : ids) id = static_cast<std::int32_t>(pick(random, 0, 199));
    std::vector<float> expected(ids.size() * cols);
    std::vector<float> out(expected.size());
    embed_params p{table.view(), ids.data(), expected.data(), 7};
    reference::embed(p);
    p.out = out.data();
    cuda::emulated_stream s;
    CAPTURE(info(type).name);
    REQUIRE(gpu_backend().embed(s, p) == status::ok);
    CHECK(same_bits(out, expected));
  }
}

TEST_CASE("gpu: numbers become BF16, to nearest") {
  generator random(105);
  for (const std::size_t count : {std::size_t{1}, std::size_t{2048}, std::size_t{5000}}) {
    const std::vector<float> in = random_floats(count, random);
    std::vector<std::uint16_t> out(count);
    const cuda::to_bf16_params p{in.data(), out.data(), count};
    using kernel = cuda::to_bf16_kernel;
    cuda::emulated_stream s;
    const auto blocks = static_cast<std::uint32_t>((count + kernel::a_block - 1) / kernel::a_block);
    REQUIRE(s.launch(cuda::kernel_id::to_bf16, {blocks, 1, 1, kernel::threads}, &p) == status::ok);
    for (std::size_t i = 0; i < count; ++i) CHECK(out[i] == cuda::to_bf16(in[i]));
  }
}

TEST_CASE("gpu: gather_rows packs the rows that are asked for") {
  generator random(103);
  const std::vector<float> in = random_floats(50 * 77, random);
  const std::vector<std::uint32_t> index = {49, 0, 7, 7, 31};
  std::vector<float> expected(index.size() * 77);
  std::vector<float> out(expected.size());
  reference::gather_rows({in.data(), index.data(), expected.data(), 5, 77});
  cuda::emulated_stream s;
  REQUIRE(gpu_backend().gather_rows(s, {in.data(), index.data(), out.data(), 5, 77}) == status::ok);
  CHECK(same_bits(out, expected));
}

TEST_CASE("gpu: combine adds in rank order, to the bit") {
  generator random(104);
  for (const bool weighted : {false, true}) {
    const std::uint32_t rows = 5;
    const std::uint32_t top_k = weighted ? 8 : 1;
    const std::uint32_t cols = 300;
    const std::vector<float> outputs = random_floats(rows * top_k * cols, random);
    const std::vector<float> weights = random_floats(rows * top_k, random);
    const std::vector<float> before = random_floats(rows * cols, random);
    std::vector<float> expected = before;
    for (std::uint32_t r = 0; r < rows; ++r) {
      for (std::uint32_t i = 0; i < cols; ++i) {
        float total = 0;
        for (std::uint32_t k = 0; k < top_k; ++k)
          total += (weighted ? weights[r * top_k + k] : 1.0F) * outputs[(r * top_k + k) * cols + i];
        expected[r * cols + i] += total;
      }
    }
    std::vector<float> x = before;
    cuda::emulated_stream s;
    REQUIRE(gpu_backend().combine(s, {x.data(), outputs.data(), weighted ? weights.data() : nullptr,
                                      rows, top_k, cols}) == status::ok);
    CHECK(same_bits(x, expected));
  }
}

}  // namespace troupe::kernels::test
