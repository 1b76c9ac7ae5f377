#include <atomic>
#include <vector>

#include "kernels/reference/ops.hpp"
#include "tests/kernels/cuda/support.hpp"
#include "tests/runtime/device/cuda/gpu.hpp"

namespace troupe {

using namespace kernels;
using kernels::test::generator;

// Before cuBLASLt may serve, this must hold on every architecture that it is to serve on.
TEST_CASE("cuBLASLt's products agree, and a row has the same bits whatever comes with it") {
  const auto gpu = troupe::test::first_gpu(nullptr, true);
  if (gpu == nullptr) return;
  generator random(7);
  struct weights {
    std::uint32_t rows, cols;
  };
  for (const weights each : {weights{256, 128}, weights{1536, 2048}, weights{2048, 4096}}) {
    const std::uint32_t columns = each.rows;
    const std::uint32_t cols = each.cols;
    const kernels::test::owned_matrix w(dtype::bf16, columns, cols, random);
    std::vector<float> x = kernels::test::random_floats(std::size_t{300} * cols, random);
    const auto product = [&](std::uint32_t rows) {
      const device_buffer out = gpu->allocate(std::size_t{rows} * columns * sizeof(float));
      REQUIRE(gpu->kernels().linear(gpu->stream(), {{x.data(), nullptr, cols},
                                                    w.view(),
                                                    nullptr,
                                                    nullptr,
                                                    out.as<float>(),
                                                    rows,
                                                    columns}) == status::ok);
      const auto passed = std::make_shared<std::atomic<bool>>(false);
      gpu->notify([passed] { passed->store(true); });
      REQUIRE(troupe::test::soon([&] { return passed->load(); }));
      return std::vector<float>(out.as<float>(), out.as<float>() + std::size_t{rows} * columns);
    };
    const std::vector<float> alone = product(1);
    std::vector<float> exact_x = kernels::test::rounded({x.begin(), x.begin() + cols});
    std::vector<float> expected(columns);
    reference::linear(
        {{exact_x.data(), nullptr, cols}, w.view(), nullptr, nullptr, expected.data(), 1, columns});
    CHECK(kernels::test::largest_error(alone, expected, kernels::test::typical(expected)) < 1e-4);
    for (const std::uint32_t rows : {2U, 16U, 65U, 300U}) {
      const std::vector<float> many = product(rows);
      CHECK(kernels::test::same_bits({many.begin(), many.begin() + columns}, alone));
    }
  }
}

}  // namespace troupe
