#include <doctest/doctest.h>

#include <array>
#include <cmath>
#include <cstdint>
#include <set>
#include <vector>

#include "kernels/cuda/body/reduce.hpp"
#include "kernels/cuda/emulated/block.hpp"
#include "kernels/reference/convert.hpp"

namespace troupe::kernels::cuda {
namespace {

constexpr std::array<std::uint32_t, 3> origin{};

/// Runs `body` in a block of `threads` with 1 KiB of shared memory.
bool run(std::uint32_t threads, std::uint32_t seed, const emulated_block::body& body) {
  emulated_block block(threads, seed);
  return block.run(origin, 1024, body);
}

}  // namespace

TEST_CASE("every thread runs once, block after block, and knows its place") {
  emulated_block block(96, 1);
  for (std::uint32_t x = 0; x < 5; ++x) {
    std::vector<int> seen(96);
    REQUIRE(block.run({x, 7, 2}, 0, [&](emulated_thread& t) {
      ++seen[t.thread()];
      CHECK(t.x() == x);
      CHECK(t.y() == 7);
      CHECK(t.z() == 2);
      CHECK(t.threads() == 96);
      CHECK(t.warp() * 32 + t.lane() == t.thread());
    }));
    CHECK(seen == std::vector<int>(96, 1));
  }
}

TEST_CASE("threads exchange values and wait for each other") {
  std::vector<std::uint32_t> sums(128);
  std::vector<std::uint32_t> ranks(128);
  for (std::uint32_t seed = 0; seed < 20; ++seed) {
    REQUIRE(run(128, seed, [&](emulated_thread& t) {
      auto* room = t.shared<std::uint32_t>();
      sums[t.thread()] = block_sum(t, t.thread(), room);
      ranks[t.thread()] = block_rank(t, t.thread() % 3, room).before;
    }));
    for (std::uint32_t i = 0; i < 128; ++i) CHECK(sums[i] == 127 * 64);
    std::uint32_t before = 0;
    for (std::uint32_t i = 0; i < 128; before += i++ % 3) CHECK(ranks[i] == before);
  }
}

TEST_CASE("a sum of floats has the same bits in every order of the threads") {
  std::set<float> seen;
  for (std::uint32_t seed = 0; seed < 30; ++seed) {
    REQUIRE(run(256, seed, [&](emulated_thread& t) {
      const float sum = block_sum(t, 1.0F / static_cast<float>(t.thread() + 3), t.shared<float>());
      if (t.thread() == 17) seen.insert(sum);
    }));
  }
  CHECK(seen.size() == 1);
}

TEST_CASE("a body that forgets to wait is found out by the order of the fibers") {
  const auto racy = [](bool waits, std::uint32_t seed) {
    std::vector<float> out(64);
    CHECK(run(64, seed, [&](emulated_thread& t) {
      auto* shared = t.shared<float>();
      shared[t.thread()] = static_cast<float>(t.thread());
      if (waits) t.sync();
      out[t.thread()] = shared[63 - t.thread()];
    }));
    int wrong = 0;
    for (std::uint32_t i = 0; i < 64; ++i) wrong += out[i] == static_cast<float>(63 - i) ? 0 : 1;
    return wrong;
  };
  for (std::uint32_t seed = 0; seed < 10; ++seed) {
    CHECK(racy(true, seed) == 0);
    CHECK(racy(false, seed) > 0);
  }
}

TEST_CASE("threads that wait at different places end as an error, and the block runs again") {
  emulated_block block(64, 3);
  CHECK_FALSE(block.run(origin, 0, [](emulated_thread& t) {
    if (t.thread() != 5) t.sync();
  }));
  CHECK(block.why().find("ended") != std::string::npos);
  CHECK_FALSE(block.run(origin, 0, [](emulated_thread& t) {
    if (t.thread() == 5)
      t.sync_warp();
    else
      t.sync();
  }));
  CHECK_FALSE(block.run(
      origin, 0, [](emulated_thread& t) { (void)t.shuffle_xor(1.0F, t.lane() == 3 ? 2U : 1U); }));
  CHECK(block.why().find("different ways") != std::string::npos);
  CHECK(block.run(origin, 0, [](emulated_thread& t) { t.sync(); }));
}

TEST_CASE("conversions of the kernels are the reference's, bit for bit") {
  const auto same = [](float a, float b) {
    return (std::isnan(a) && std::isnan(b)) || bits_of(a) == bits_of(b);
  };
  int wrong = 0;
  for (std::uint32_t h = 0; h < 0x10000U; ++h) {
    const auto half = static_cast<std::uint16_t>(h);
    const float value = from_f16(half);
    wrong += same(value, reference::from_f16(half)) ? 0 : 1;
    wrong += same(from_bf16(half), reference::from_bf16(half)) ? 0 : 1;
    // On the grid, between, and just beside the middle.
    for (const float x : {value, value * 1.0003F, std::nextafter(value, 1e9F)})
      wrong += to_f16(x) == reference::to_f16(x) ? 0 : 1;
    wrong += same(from_bf16(to_bf16(from_bf16(half))), from_bf16(half)) ? 0 : 1;
  }
  for (std::uint32_t b = 0; b < 256; ++b) {
    const auto byte = static_cast<std::uint8_t>(b);
    wrong += same(from_f8_e4m3(byte), reference::from_f8_e4m3(byte)) ? 0 : 1;
  }
  CHECK(wrong == 0);
  CHECK(from_bf16(to_bf16(1.00390625F)) == 1.0F);  // half way, to even
  CHECK(from_bf16(to_bf16(1.01171875F)) == 1.015625F);
}

TEST_CASE("exp is within two units in the last place") {
  double worst = 0;
  for (int i = 0; i < 12774; ++i) {
    const float x = -87 + static_cast<float>(i) * 0.0137F;
    const double exact = std::exp(double{x});
    worst = std::max(worst, std::abs(double{exp_of(x)} - exact) / exact);
  }
  CHECK(worst < 2.5e-7);
  CHECK(exp_of(0.0F) == 1.0F);
}

}  // namespace troupe::kernels::cuda
