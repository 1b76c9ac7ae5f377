#include <doctest/doctest.h>

#include <algorithm>
#include <vector>

#include "kernels/reference/ops.hpp"
#include "tests/kernels/attention_support.hpp"
#include "tests/kernels/cuda/support.hpp"

namespace troupe::kernels::test {
namespace {

heads random_heads(generator& random) {
  constexpr std::uint32_t groups[] = {1, 2, 3, 8, 16, 20};
  constexpr std::uint32_t dims[] = {8, 20, 64, 128, 256};
  const std::uint32_t group = groups[pick(random, 0, 5)];
  const std::uint32_t kv = pick(random, 1, group > 4 ? 1 : 2);
  return {group * kv, kv, dims[pick(random, 0, 4)]};
}

/// A prompt's chunk or a decode row for each of some sequences.
std::vector<run> random_runs(generator& random, std::uint32_t most) {
  std::vector<run> runs;
  for (std::uint32_t i = 0; i < pick(random, 1, 3); ++i) {
    const std::uint32_t end = pick(random, 1, most);
    const std::uint32_t rows = pick(random, 0, 1) == 0 ? 1 : pick(random, 1, std::min(end, 12U));
    runs.push_back({end - rows, end});
  }
  return runs;
}

/// Attention of rows [from, to) with room for partials of `positions` (0: none), on a device of so
/// many multiprocessors.
void attend(attention_case& c, owned_activation& out, std::uint32_t from, std::uint32_t to, heads h,
            std::size_t positions, std::uint32_t processors) {
  std::vector<float> room;
  attention_params p = c.params(out, from, to);
  if (positions > 0) {
    room.assign(attention_workspace_bytes(h.query, h.dim, positions) / sizeof(float), 0.0F);
    p.workspace = reinterpret_cast<std::byte*>(room.data());
    p.workspace_bytes = room.size() * sizeof(float);
  }
  cuda::emulated_stream s(processors + from, processors);
  REQUIRE(gpu_backend().attention(s, p) == status::ok);
}

}  // namespace

TEST_CASE("gpu: attention agrees with the reference, its bits the same however it is cut up") {
  generator random(141);
  for (int round = 0; round < 10; ++round) {
    const heads h = random_heads(random);
    const std::uint32_t most = round % 4 == 0 ? 800 : 300;
    attention_case c(h, round % 3 == 0 ? kv_type::f32 : kv_type::f16, round % 2 == 0 ? 16 : 32,
                     random_runs(random, most), random);
    CAPTURE(round);
    CAPTURE(h.query);
    CAPTURE(h.kv);
    CAPTURE(h.dim);
    owned_activation expected(c.rows(), c.cols(), true, false);
    reference::attention(c.params(expected, 0, c.rows()));
    owned_activation whole(c.rows(), c.cols(), true, false);
    attend(c, whole, 0, c.rows(), h, 0, 1);
    CHECK(largest_error(whole.f32(), expected.f32(), 1.0) < 3e-6);
    // Rows that several thread blocks share, some or all.
    for (const std::size_t positions : {std::size_t{700}, std::size_t{most} * c.rows() * 2}) {
      owned_activation shared(c.rows(), c.cols(), true, false);
      attend(c, shared, 0, c.rows(), h, positions, 64);
      CHECK(same_bits(shared.f32(), whole.f32()));
    }
    owned_activation alone(c.rows(), c.cols(), true, false);
    for (std::uint32_t r = 0; r < c.rows(); ++r) attend(c, alone, r, r + 1, h, r % 2 * 4096, 8);
    CHECK(same_bits(alone.f32(), whole.f32()));
  }
}

TEST_CASE("gpu: a row at position 2,999 has the bits of one thread block when many share it") {
  generator random(142);
  const heads h{8, 2, 64};
  attention_case c(h, kv_type::f16, 16, {{2999, 3000}, {256, 257}, {255, 256}, {0, 1}}, random);
  owned_activation one(c.rows(), c.cols(), true, false);
  attend(c, one, 0, c.rows(), h, 0, 1);
  for (const std::uint32_t processors : {2U, 20U, 200U}) {
    owned_activation many(c.rows(), c.cols(), true, false);
    attend(c, many, 0, c.rows(), h, 16384, processors);
    CHECK(same_bits(many.f32(), one.f32()));
  }
}

}  // namespace troupe::kernels::test
