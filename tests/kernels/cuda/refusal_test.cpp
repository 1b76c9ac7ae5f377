#include <doctest/doctest.h>

#include <vector>

#include "tests/kernels/attention_support.hpp"
#include "tests/kernels/cuda/support.hpp"

namespace troupe::kernels::test {

TEST_CASE("gpu: integer activations are refused as unsupported, wrong shapes as such") {
  generator random(131);
  cuda::emulated_stream s;
  const owned_matrix w(dtype::q4_1, 32, 64, random);
  owned_activation x = owned_activation::random(2, 64, true, random);
  std::vector<float> y(64);
  linear_params p{x.view(), w.view(), nullptr, nullptr, y.data(), 2, 32};
  p.x.f32 = nullptr;
  CHECK(gpu_backend().linear(s, p) == status::unsupported);
  p.x = x.view();
  CHECK(gpu_backend().linear(s, p) == status::ok);
  p.y_stride = 31;
  CHECK(gpu_backend().linear(s, p) == status::invalid_shape);
  p.y_stride = 32;
  p.w.cols = 96;
  CHECK(gpu_backend().linear(s, p) == status::invalid_shape);
  CHECK(gpu_backend().rms_norm(s, {y.data(), y.data(), x.view(), 1e-6F, 1, 64}) ==
        status::unsupported);
  CHECK(gpu_backend().combine(s, {}) == status::invalid_shape);
  CHECK(gpu_backend().group(s, {}) == status::invalid_shape);
  CHECK(gpu_backend().score(s, {nullptr, nullptr, nullptr, nullptr, 1, 5}) ==
        status::invalid_shape);
}

TEST_CASE("gpu: attention refuses pages without whole strips and heads that are too wide") {
  generator random(132);
  cuda::emulated_stream s;
  attention_case c({2, 1, 16}, kv_type::f16, 16, {{0, 8}}, random);
  owned_activation out(c.rows(), c.cols(), true, false);
  attention_params p = c.params(out, 0, c.rows());
  for (const std::uint32_t page : {0U, 8U, 24U, 48U, 512U}) {
    p.cache.page_size = page;
    CHECK(gpu_backend().attention(s, p) == status::invalid_shape);
  }
  p.cache.page_size = 16;
  p.cache.head_dim = 512;
  CHECK(gpu_backend().attention(s, p) == status::unsupported);
}

TEST_CASE("gpu: an emulated stream refuses a launch that no kernel is written for") {
  cuda::emulated_stream s;
  const combine_params p{};
  CHECK(s.launch(cuda::kernel_id::combine, {1, 1, 1, 64}, &p) == status::device_error);
  CHECK_FALSE(s.why().empty());
}

}  // namespace troupe::kernels::test
