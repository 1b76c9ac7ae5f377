#include <doctest/doctest.h>

#include <algorithm>
#include <cstring>
#include <numeric>
#include <stdexcept>
#include <vector>

#include "runtime/cache/kv_rows.hpp"
#include "runtime/engine/team/team_choice.hpp"
#include "runtime/engine/tensor_share.hpp"
#include "tests/runtime/cache/kv_memory.hpp"
#include "tests/runtime/engine/team/teams.hpp"

namespace troupe::test {
namespace {

using kernels::kv_type;
using kernels::status;

constexpr std::uint32_t rows = 3;
constexpr std::uint32_t cols = 64;

std::vector<float> read(device& d, const device_buffer& buffer, std::uint32_t rank) {
  const auto* from = reinterpret_cast<const float*>(d.on_rank(buffer.data(), rank));
  return {from, from + rows * cols};
}

}  // namespace

TEST_CASE("ranks have memories of their own, and each computes its share from its own") {
  const built_team built = team_of_gpus(2);
  team_device& team = *built.team;
  const device_buffer x = team.allocate(rows * cols * sizeof(float));
  const device_buffer y = team.allocate(rows * cols * sizeof(float));
  CHECK(team.on_rank(x.data(), 0) == x.data());
  CHECK(team.on_rank(x.data(), 1) != x.data());
  CHECK(team.on_rank(x.data() + 100, 1) == team.on_rank(x.data(), 1) + 100);
  std::vector<float> weights(std::size_t{cols} * cols);
  std::iota(weights.begin(), weights.end(), -100.0F);
  std::fill_n(x.as<float>(), rows * cols, 1.0F);
  const kernels::matrix w{reinterpret_cast<const std::byte*>(weights.data()), nullptr,
                          kernels::dtype::f32, cols, cols};
  const auto multiply = [&] {
    return team.kernels().linear(
        team.stream(),
        {{x.as<float>(), nullptr, cols}, w, nullptr, nullptr, y.as<float>(), rows, cols});
  };
  // Rank 1 has zeros where the host wrote to rank 0's copy alone, and its columns come of them.
  REQUIRE(multiply() == status::ok);
  const std::vector<float> apart = read(team, y, 0);
  CHECK(apart == read(team, y, 1));
  CHECK(apart[0] != 0);
  CHECK(apart[cols / 2] == 0);
  const std::vector<float> ones(rows * cols, 1.0F);
  REQUIRE(team.kernels().copy(team.stream(), {x.data(), ones.data(), x.bytes()}) == status::ok);
  REQUIRE(multiply() == status::ok);
  const std::vector<float> whole = read(team, y, 0);
  CHECK(whole == read(team, y, 1));
  CHECK(std::equal(whole.begin(), whole.begin() + cols / 2, apart.begin()));
  CHECK(whole[cols / 2] != 0);
}

TEST_CASE("memory of a team is freed on every rank, and is then nobody's") {
  const built_team built = team_of_processors(2);
  std::byte* at = nullptr;
  {
    const device_buffer buffer = built.team->allocate(4096);
    at = buffer.data();
    std::byte* const copy = built.team->on_rank(at, 1);
    CHECK(copy != at);
    CHECK(std::all_of(copy, copy + 4096, [](std::byte b) { return b == std::byte{0}; }));
  }
  CHECK(built.team->on_rank(at, 1) == at);
  CHECK(built.team->allocate(0).data() == nullptr);
}

TEST_CASE("pages and rows have the same bytes however many ranks share their heads") {
  generator random(5);
  for (const kv_layout& layout :
       {kv_layout{2, 4, 16, 16, kv_type::f16}, kv_layout{3, 4, 20, 32, kv_type::f32}}) {
    for (const std::uint32_t ranks : {2U, 4U}) {
      emulated_device one;
      const kv_store whole(one, layout, 5);
      const built_team built = team_of_gpus(ranks);
      const kv_store divided(*built.team, layout, 5);
      CHECK(divided.rank_layout().page_bytes() * ranks == layout.page_bytes());
      for (int round = 0; round < 10; ++round) {
        std::vector<std::int32_t> pages(5);
        std::iota(pages.begin(), pages.end(), 0);
        std::shuffle(pages.begin(), pages.end(), random);
        const std::uint32_t first = pick(random, 0, 5 * layout.page_size - 1);
        const std::uint32_t count = pick(random, 1, 5 * layout.page_size - first);
        const auto bytes = random_bytes(kv_rows_bytes(layout, count), random);
        scatter_kv_rows(whole, pages, first, count, bytes.data());
        scatter_kv_rows(divided, pages, first, count, bytes.data());
        std::vector<std::byte> back(bytes.size());
        gather_kv_rows(divided, pages, first, count, back.data());
        CHECK(back == bytes);
        CHECK(contents(divided) == contents(whole));
        const auto page = random_bytes(layout.page_bytes(), random);
        write_kv_page(whole, 3, page.data());
        write_kv_page(divided, 3, page.data());
        CHECK(contents(divided) == contents(whole));
      }
    }
  }
}

TEST_CASE("kernels find in divided pages what was brought there as rows") {
  // What one device stored, a team goes on with: the takeover of a node with other ranks.
  const kv_layout layout{1, 4, 32, 16, kv_type::f16};
  generator random(6);
  const std::vector<std::int32_t> pages = {2, 0};
  const std::int32_t* const table = pages.data();
  const auto kv = random_bytes(kv_rows_bytes(layout, 20), random);
  std::vector<std::byte> sane = kv;
  // Halves without infinities: the exponent's top bit stays clear.
  for (std::size_t i = 1; i < sane.size(); i += 2) sane[i] &= std::byte{0xBF};
  const std::int32_t position = 19;
  const std::uint32_t sequence = 0;
  const auto attend = [&](device& d) {
    const kv_store store(d, layout, 3);
    scatter_kv_rows(store, pages, 0, 20, sane.data());
    constexpr std::uint32_t heads = 8;
    const std::uint32_t width = (heads + 2 * layout.kv_heads) * layout.head_dim;
    // Each rank has its heads side by side.
    const device_buffer qkv = d.allocate(width * sizeof(float));
    std::vector<float> q(std::size_t{heads} * layout.head_dim);
    for (std::size_t i = 0; i < q.size(); ++i) q[i] = static_cast<float>(i % 13) * 0.1F - 0.5F;
    const std::size_t own = q.size() / d.ranks();
    for (std::uint32_t r = 0; r < d.ranks(); ++r)
      std::memcpy(d.on_rank(qkv.data(), r), q.data() + r * own, own * sizeof(float));
    const device_buffer out = d.allocate(q.size() * sizeof(float));
    REQUIRE(d.kernels().attention(d.stream(), {qkv.as<float>(),
                                               store.layer(0),
                                               {&position, &sequence, &table, 1},
                                               {out.as<float>(), nullptr, heads * layout.head_dim},
                                               0.25F,
                                               heads}) == status::ok);
    return std::vector<float>(out.as<float>(), out.as<float>() + q.size());
  };
  emulated_device one;
  const std::vector<float> expected = attend(one);
  CHECK(attend(*team_of_gpus(2).team) == expected);
  CHECK(attend(*team_of_gpus(4).team) == expected);
}

TEST_CASE("heads that ranks cannot share are refused, as are ranks that cannot be") {
  const built_team built = team_of_gpus(4);
  const kv_layout layout{1, 2, 16, 16, kv_type::f16};
  CHECK_THROWS_AS(kv_store(*built.team, layout, 4), std::invalid_argument);
  CHECK(ranks_suit(4, 8, 2, 16, false).error().code() == errc::invalid_argument);
  CHECK(ranks_suit(4, 8, 4, 8, false).has_value());
  CHECK_FALSE(ranks_suit(4, 8, 4, 8, true));
  CHECK(ranks_suit(1, 3, 3, 8, true).has_value());
  const device_choice cpu{device_choice::kind::cpu, 0};
  CHECK(make_team(cpu, 0, {.threads = 1}).error().code() == errc::invalid_argument);
  CHECK(make_team(cpu, 17, {.threads = 1}).error().code() == errc::invalid_argument);
  CHECK((*make_team(cpu, 1, {.threads = 1}))->ranks() == 1);
  const auto two = make_team(cpu, 2, {.threads = 2, .pin = false});
  REQUIRE(two.has_value());
  CHECK((*two)->ranks() == 2);
  CHECK((*two)->width() == 2);
}

}  // namespace troupe::test
