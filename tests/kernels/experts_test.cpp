#include <doctest/doctest.h>

#include <algorithm>
#include <memory>
#include <numeric>
#include <vector>

#include "kernels/reference/ops.hpp"
#include "tests/kernels/support.hpp"

namespace troupe::kernels::test {
namespace {

struct layer {
  std::vector<std::unique_ptr<owned_matrix>> owned;
  std::vector<expert_weights> experts;

  layer(dtype type, std::uint32_t count, std::uint32_t hidden, std::uint32_t inner,
        generator& random) {
    const auto make = [&](std::uint32_t rows, std::uint32_t cols) {
      owned.push_back(std::make_unique<owned_matrix>(type, rows, cols, random));
      return owned.back()->view();
    };
    for (std::uint32_t e = 0; e < count; ++e)
      experts.push_back({make(inner, hidden), make(inner, hidden), make(hidden, inner)});
  }
};

/// Which slots went to which expert: random, some experts empty, the last few ids not ours.
struct grouping {
  std::vector<std::int32_t> ids;
  std::vector<std::uint32_t> offsets;
  std::vector<std::uint32_t> slots;

  grouping(std::uint32_t rows, std::uint32_t top_k, std::uint32_t first, std::uint32_t count,
           std::uint32_t experts, generator& random)
      : ids(std::size_t{rows} * top_k), offsets(count + 1), slots(ids.size()) {
    for (std::uint32_t r = 0; r < rows; ++r) {
      std::vector<std::int32_t> order(experts);
      std::iota(order.begin(), order.end(), 0);
      std::shuffle(order.begin(), order.end(), random);
      std::copy_n(order.begin(), top_k, ids.begin() + static_cast<long>(r) * top_k);
    }
    reference::group({ids.data(), offsets.data(), slots.data(), rows, top_k, first, count});
  }
};

}  // namespace

TEST_CASE("route picks the reference's experts and weights, ties to the lower id") {
  generator random(31);
  for (const std::uint32_t experts : {1U, 4U, 7U, 128U}) {
    const std::uint32_t rows = 9;
    const std::uint32_t top_k = std::min(experts, 4U);
    std::vector<float> logits = random_floats(rows * experts, random, 3.0F);
    std::fill_n(logits.begin(), experts, 0.25F);
    for (const bool normalise : {false, true}) {
      std::vector<std::int32_t> expected_ids(rows * top_k);
      std::vector<float> expected(rows * top_k);
      reference::route(
          {logits.data(), expected_ids.data(), expected.data(), rows, experts, top_k, normalise});
      each_target([&](const std::string& target) {
        CAPTURE(target);
        std::vector<std::int32_t> ids(rows * top_k);
        std::vector<float> weights(rows * top_k);
        shuffled_stream s(2);
        REQUIRE(cpu_backend().route(s, {logits.data(), ids.data(), weights.data(), rows, experts,
                                        top_k, normalise}) == status::ok);
        CHECK(ids == expected_ids);
        CHECK(largest_error(weights, expected, 1e-6) < 2e-6);
      });
    }
  }
}

TEST_CASE("group lists slots in ascending order and passes over other shards' experts") {
  generator random(32);
  for (int round = 0; round < 20; ++round) {
    const std::uint32_t rows = pick(random, 0, 40);
    const std::uint32_t top_k = pick(random, 1, 4);
    const std::uint32_t first = pick(random, 0, 5);
    const std::uint32_t count = pick(random, 1, 6);
    const grouping expected(rows, top_k, first, count, 12, random);
    std::vector<std::uint32_t> offsets(count + 1, 99);
    std::vector<std::uint32_t> slots(std::max<std::size_t>(expected.slots.size(), 1));
    slots.resize(expected.slots.size());
    std::vector<std::int32_t> ids = expected.ids;
    ids.reserve(1);
    slots.reserve(1);
    shuffled_stream s;
    REQUIRE(cpu_backend().group(s, {ids.data(), offsets.data(), slots.data(), rows, top_k, first,
                                    count}) == status::ok);
    CHECK(offsets == expected.offsets);
    CHECK(slots == expected.slots);
  }
}

TEST_CASE("experts agree with the reference, whatever rows they were given") {
  generator random(33);
  for (const dtype type : weight_types()) {
    const bool blocks = info(type).block_elements == 256;
    const std::uint32_t hidden = blocks ? 256 : 64;
    const std::uint32_t inner = blocks ? 512 : (is_integer_quantised(type) ? 96 : 136);
    for (const bool q8 : {false, true}) {
      if (q8 && !is_integer_quantised(type)) continue;
      const std::uint32_t rows = pick(random, 1, 30);
      const std::uint32_t top_k = 2;
      const layer l(type, 3, hidden, inner, random);
      const grouping g(rows, top_k, 1, 3, 6, random);
      owned_activation x = owned_activation::random(rows, hidden, q8, random);
      owned_activation expected_hidden(rows * top_k, inner, true, q8);
      std::vector<float> expected(std::size_t{rows} * top_k * hidden);
      expert_up_params up{l.experts.data(),
                          g.offsets.data(),
                          g.slots.data(),
                          x.view(),
                          expected_hidden.view(),
                          3,
                          rows,
                          top_k};
      reference::expert_up(up);
      each_target([&](const std::string& target) {
        CAPTURE(target);
        CAPTURE(info(type).name);
        CAPTURE(q8);
        owned_activation hidden_rows(rows * top_k, inner, true, q8);
        std::vector<float> out(expected.size());
        shuffled_stream s(3);
        up.hidden = hidden_rows.view();
        REQUIRE(cpu_backend().expert_up(s, up) == status::ok);
        CHECK(largest_error(hidden_rows.f32(), expected_hidden.f32(),
                            typical(expected_hidden.f32())) < 1e-5);
        expert_down_params down{l.experts.data(),
                                g.offsets.data(),
                                g.slots.data(),
                                hidden_rows.view(),
                                expected.data(),
                                3,
                                rows,
                                top_k};
        reference::expert_down(down);
        down.out = out.data();
        REQUIRE(cpu_backend().expert_down(s, down) == status::ok);
        CHECK(largest_error(out, expected, typical(expected)) < 1e-5);
      });
    }
  }
}

TEST_CASE("an expert row has the same bits alone, in a batch and on any number of threads") {
  generator random(34);
  const std::uint32_t hidden = 64;
  const std::uint32_t inner = 160;
  for (const bool q8 : {false, true}) {
    const layer l(dtype::q4_1, 1, hidden, inner, random);
    owned_activation x = owned_activation::random(33, hidden, q8, random);
    const auto run = [&](std::uint32_t first, std::uint32_t rows, std::uint32_t threads) {
      std::vector<std::uint32_t> slots(rows);
      std::iota(slots.begin(), slots.end(), 0U);
      const std::vector<std::uint32_t> offsets = {0, rows};
      owned_activation middle(rows, inner, !q8, q8);
      std::vector<float> out(std::size_t{rows} * hidden);
      shuffled_stream s(threads, rows);
      REQUIRE(cpu_backend().expert_up(s, {l.experts.data(), offsets.data(), slots.data(),
                                          x.view_from(first), middle.view(), 1, rows, 1}) ==
              status::ok);
      REQUIRE(cpu_backend().expert_down(s, {l.experts.data(), offsets.data(), slots.data(),
                                            middle.view(), out.data(), 1, rows, 1}) == status::ok);
      return out;
    };
    each_target([&](const std::string& target) {
      CAPTURE(target);
      CAPTURE(q8);
      std::vector<float> alone;
      for (std::uint32_t r = 0; r < 33; ++r) {
        const std::vector<float> one = run(r, 1, 1);
        alone.insert(alone.end(), one.begin(), one.end());
      }
      for (const std::uint32_t rows : {2U, 3U, 5U, 8U, 9U, 17U, 33U}) {
        const std::vector<float> first(alone.begin(), alone.begin() + rows * hidden);
        CHECK(same_bits(run(0, rows, 1 + rows % 4), first));
      }
    });
  }
}

}  // namespace troupe::kernels::test
