#include <doctest/doctest.h>

#include <algorithm>
#include <limits>
#include <vector>

#include "kernels/reference/ops.hpp"
#include "tests/kernels/cuda/support.hpp"

namespace troupe::kernels::test {

TEST_CASE("gpu: route picks the reference's experts and weights, ties to the lower id") {
  generator random(121);
  for (const std::uint32_t experts : {1U, 4U, 7U, 128U, 300U}) {
    const std::uint32_t rows = 9;
    const std::uint32_t top_k = std::min(experts, 8U);
    std::vector<float> logits = random_floats(rows * experts, random, 3.0F);
    std::fill_n(logits.begin(), experts, 0.25F);
    for (const bool normalise : {false, true}) {
      CAPTURE(experts);
      std::vector<std::int32_t> expected_ids(rows * top_k);
      std::vector<float> expected(rows * top_k);
      reference::route(
          {logits.data(), expected_ids.data(), expected.data(), rows, experts, top_k, normalise});
      std::vector<std::int32_t> ids(rows * top_k);
      const auto route = [&](std::uint32_t first, std::uint32_t count) {
        std::vector<float> weights(std::size_t{count} * top_k);
        cuda::emulated_stream s(first + 1);
        REQUIRE(gpu_backend().route(s, {logits.data() + std::size_t{first} * experts,
                                        ids.data() + std::size_t{first} * top_k, weights.data(),
                                        count, experts, top_k, normalise}) == status::ok);
        return weights;
      };
      const std::vector<float> weights = route(0, rows);
      CHECK(ids == expected_ids);
      CHECK(largest_error(weights, expected, 1e-6) < 2e-6);
      CHECK(same_bits(weights, rows_alone(rows, route)));
      CHECK(ids == expected_ids);
    }
  }
}

TEST_CASE("gpu: whatever the logits, the ids are experts") {
  constexpr float not_a_number = std::numeric_limits<float>::quiet_NaN();
  const std::vector<float> logits = {not_a_number, not_a_number, not_a_number, 1, not_a_number, 2};
  std::vector<std::int32_t> ids(6);
  std::vector<float> weights(6);
  cuda::emulated_stream s;
  REQUIRE(gpu_backend().route(s, {logits.data(), ids.data(), weights.data(), 2, 3, 3, true}) ==
          status::ok);
  for (const std::int32_t id : ids) CHECK((id >= 0 && id < 3));
}

TEST_CASE("gpu: group lists slots in ascending order and passes over other shards' experts") {
  generator random(122);
  for (int round = 0; round < 20; ++round) {
    const std::uint32_t rows = round == 7 ? 400 : pick(random, 0, 40);
    const std::uint32_t top_k = pick(random, 1, 4);
    const std::uint32_t first = pick(random, 0, 5);
    const std::uint32_t count = pick(random, 1, 6);
    std::vector<std::int32_t> ids(std::size_t{rows} * top_k + 1);
    for (std::int32_t& id : ids) id = static_cast<std::int32_t>(pick(random, 0, 11));
    std::vector<std::uint32_t> expected_offsets(count + 1);
    std::vector<std::uint32_t> expected(ids.size());
    reference::group(
        {ids.data(), expected_offsets.data(), expected.data(), rows, top_k, first, count});
    std::vector<std::uint32_t> offsets(count + 1, 99);
    std::vector<std::uint32_t> slots(ids.size());
    cuda::emulated_stream s(round);
    REQUIRE(gpu_backend().group(s, {ids.data(), offsets.data(), slots.data(), rows, top_k, first,
                                    count}) == status::ok);
    CHECK(offsets == expected_offsets);
    CHECK(slots == expected);
  }
}

}  // namespace troupe::kernels::test
