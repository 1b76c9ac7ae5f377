#include <atomic>
#include <functional>
#include <vector>

#include "kernels/cuda/emulated/stream.hpp"
#include "tests/kernels/cuda/support.hpp"
#include "tests/kernels/f8_support.hpp"
#include "tests/runtime/device/cuda/gpu.hpp"

namespace troupe {
namespace {

using namespace kernels;
using kernels::test::generator;
using kernels::test::gpu_backend;
using kernels::test::random_floats;
using kernels::test::same_bits;

/// The results of `run` on the GPU and under the emulated grid.
struct both {
  std::vector<float> device;
  std::vector<float> emulated;
};
using operation = std::function<status(backend&, kernels::stream&, std::vector<float>&)>;

both on_both(troupe::device& gpu, std::size_t results, const operation& run) {
  both out{std::vector<float>(results), std::vector<float>(results)};
  cuda::emulated_stream s(3);
  REQUIRE(run(gpu_backend(), s, out.emulated) == status::ok);
  REQUIRE(run(gpu.kernels(), gpu.stream(), out.device) == status::ok);
  const auto passed = std::make_shared<std::atomic<bool>>(false);
  gpu.notify([passed] { passed->store(true); });
  REQUIRE(troupe::test::soon([&] { return passed->load(); }));
  return out;
}

}  // namespace

TEST_CASE("row kernels have the bits of the emulated grid") {
  const auto gpu = troupe::test::first_gpu();
  if (gpu == nullptr) return;
  generator random(1);
  const std::vector<float> x = random_floats(std::size_t{7} * 2048, random);
  const std::vector<float> weight = random_floats(2048, random);
  const both norm = on_both(*gpu, x.size(), [&](backend& b, kernels::stream& s, auto& out) {
    return b.rms_norm(s, {x.data(), weight.data(), {out.data(), nullptr, 2048}, 1e-6F, 7, 2048});
  });
  CHECK(same_bits(norm.device, norm.emulated));
  std::vector<std::int32_t> ids(7 * 8);
  const both routed = on_both(*gpu, ids.size(), [&](backend& b, kernels::stream& s, auto& out) {
    return b.route(s, {x.data(), ids.data(), out.data(), 7, 128, 8, true});
  });
  CHECK(same_bits(routed.device, routed.emulated));
}

TEST_CASE("FP8 rows have the bytes and the numbers of the emulated grid") {
  const auto gpu = troupe::test::first_gpu();
  if (gpu == nullptr) return;
  generator random(3);
  constexpr std::uint32_t rows = 9;
  for (const std::uint32_t cols : kernels::test::f8_widths()) {
    CAPTURE(cols);
    const std::vector<float> x = kernels::test::wild_rows(rows, cols, true, random);
    const std::size_t words = rows * f8_row_bytes(cols) / sizeof(float);
    const both coded = on_both(*gpu, words, [&](backend& b, kernels::stream& s, auto& out) {
      return b.encode_rows(s, {x.data(), reinterpret_cast<std::byte*>(out.data()), rows, cols});
    });
    CHECK(same_bits(coded.device, coded.emulated));
    const auto* const bytes = reinterpret_cast<const std::byte*>(coded.emulated.data());
    const both read = on_both(*gpu, x.size(), [&](backend& b, kernels::stream& s, auto& out) {
      return b.decode_rows(s, {bytes, {out.data(), nullptr, cols}, rows, cols});
    });
    CHECK(same_bits(read.device, read.emulated));
  }
}

TEST_CASE("products have the emulated numbers but for the order of additions in a tensor core") {
  const auto gpu = troupe::test::first_gpu();
  if (gpu == nullptr) return;
  generator random(2);
  for (const dtype type : kernels::test::weight_types()) {
    const std::uint32_t cols = 512;
    const kernels::test::owned_matrix w(type, 200, cols, random);
    for (const std::uint32_t rows : {1U, 20U, 100U}) {
      std::vector<float> x = random_floats(std::size_t{rows} * cols, random);
      const both y =
          on_both(*gpu, std::size_t{rows} * 200, [&](backend& b, kernels::stream& s, auto& out) {
            return b.linear(
                s, {{x.data(), nullptr, cols}, w.view(), nullptr, nullptr, out.data(), rows, 200});
          });
      CAPTURE(info(type).name);
      CHECK(kernels::test::largest_error(y.device, y.emulated, kernels::test::typical(y.emulated)) <
            1e-5);
      // A row's bits do not depend on how many came with it.
      const both first = on_both(*gpu, 200, [&](backend& b, kernels::stream& s, auto& out) {
        return b.linear(
            s, {{x.data(), nullptr, cols}, w.view(), nullptr, nullptr, out.data(), 1, 200});
      });
      CHECK(same_bits(first.device, {y.device.begin(), y.device.begin() + 200}));
    }
  }
}

}  // namespace troupe
