#include <doctest/doctest.h>

#include <algorithm>
#include <vector>

#include "kernels/reference/ops.hpp"
#include "tests/kernels/attention_support.hpp"

namespace troupe::kernels::test {
namespace {

/// Room for partials, as a caller keeps it from call to call.
class workspace {
 public:
  workspace(heads h, std::uint32_t positions)
      : words_(attention_workspace_bytes(h.query, h.dim, positions) / sizeof(std::uint32_t)) {}
  void lend(attention_params& p) {
    p.workspace = reinterpret_cast<std::byte*>(words_.data());
    p.workspace_bytes = words_.size() * sizeof(std::uint32_t);
  }
  [[nodiscard]] bool counters_are_zero() const {
    return std::all_of(words_.begin(), words_.begin() + attention_counters,
                       [](std::uint32_t w) { return w == 0; });
  }

 private:
  std::vector<std::uint32_t> words_;
};

heads random_heads(generator& random) {
  constexpr std::uint32_t groups[] = {1, 2, 3, 4, 8, 16};
  constexpr std::uint32_t dims[] = {8, 16, 20, 24, 64, 80, 128};
  const std::uint32_t group = groups[pick(random, 0, 5)];
  const std::uint32_t kv = pick(random, 1, group > 4 ? 1 : 3);
  return {group * kv, kv, dims[pick(random, 0, 6)]};
}

/// A prompt's chunk or a decode row for each of some sequences, of contexts up to `most`.
std::vector<run> random_runs(generator& random, std::uint32_t most) {
  std::vector<run> runs;
  const std::uint32_t count = pick(random, 1, 4);
  for (std::uint32_t i = 0; i < count; ++i) {
    const std::uint32_t end = pick(random, 1, most);
    const std::uint32_t rows = pick(random, 0, 1) == 0 ? 1 : pick(random, 1, std::min(end, 150U));
    runs.push_back({end - rows, end});
  }
  return runs;
}

/// Every row by itself, on one thread.
owned_activation one_by_one(attention_case& c) {
  owned_activation out(c.rows(), c.cols(), true, false);
  shuffled_stream single(1);
  for (std::uint32_t r = 0; r < c.rows(); ++r)
    REQUIRE(cpu_backend().attention(single, c.params(out, r, r + 1)) == status::ok);
  return out;
}

}  // namespace

TEST_CASE("attention agrees with the reference over shapes, pages and mixes of sequences") {
  generator random(42);
  for (int round = 0; round < 40; ++round) {
    const heads h = random_heads(random);
    const kv_type type = round % 3 == 0 ? kv_type::f32 : kv_type::f16;
    const std::uint32_t most = round % 8 == 0 ? 1500 : 300;
    attention_case c(h, type, round % 2 == 0 ? 16 : 32, random_runs(random, most), random);
    const bool q8 = c.cols() % q8_group == 0;
    owned_activation expected(c.rows(), c.cols(), true, false);
    reference::attention(c.params(expected, 0, c.rows()));
    workspace room(h, 4 * most);
    each_target([&](const std::string& target) {
      CAPTURE(target);
      CAPTURE(round);
      CAPTURE(h.query);
      CAPTURE(h.dim);
      owned_activation out(c.rows(), c.cols(), true, q8);
      attention_params p = c.params(out, 0, c.rows());
      room.lend(p);
      shuffled_stream stream(3);
      REQUIRE(cpu_backend().attention(stream, p) == status::ok);
      CHECK(largest_error(out.f32(), expected.f32(), 1.0) < 3e-6);
      CHECK(room.counters_are_zero());
      if (!q8) return;
      owned_activation only(c.rows(), c.cols(), false, true);
      p.out = only.view();
      REQUIRE(cpu_backend().attention(stream, p) == status::ok);
      CHECK(only.q8() == out.q8());
    });
  }
}

TEST_CASE("a row of attention has the same bits alone, in any chunk, and on any threads") {
  generator random(43);
  for (int round = 0; round < 24; ++round) {
    const heads h = random_heads(random);
    const std::uint32_t most = round % 6 == 0 ? 1200 : 400;
    attention_case c(h, round % 4 == 0 ? kv_type::f32 : kv_type::f16, round % 2 == 0 ? 16 : 32,
                     random_runs(random, most), random);
    workspace room(h, 4 * most);
    each_target([&](const std::string& target) {
      CAPTURE(target);
      CAPTURE(round);
      CAPTURE(h.query);
      CAPTURE(h.dim);
      owned_activation alone = one_by_one(c);
      for (const std::uint32_t threads : {1U, 2U, 3U, 7U}) {
        CAPTURE(threads);
        shuffled_stream stream(threads, threads);
        owned_activation whole(c.rows(), c.cols(), true, false);
        attention_params p = c.params(whole, 0, c.rows());
        if (threads != 3) room.lend(p);
        REQUIRE(cpu_backend().attention(stream, p) == status::ok);
        CHECK(same_bits(whole.f32(), alone.f32()));

        owned_activation chunks(c.rows(), c.cols(), true, false);
        for (std::uint32_t at = 0; at < c.rows();) {
          const std::uint32_t end = std::min(c.rows(), at + pick(random, 1, 60));
          p = c.params(chunks, at, end);
          room.lend(p);
          REQUIRE(cpu_backend().attention(stream, p) == status::ok);
          at = end;
        }
        CHECK(same_bits(chunks.f32(), alone.f32()));
      }
    });
  }
}

TEST_CASE("attention of 600 rows, and of a row at 4,000 positions, has the bits of single rows") {
  generator random(44);
  for (const std::vector<run>& runs : {std::vector<run>{{0, 600}}, {{3999, 4000}, {0, 40}}}) {
    const heads h{6, 2, 16};
    attention_case c(h, kv_type::f16, 16, runs, random);
    workspace room(h, 8000);
    each_target([&](const std::string& target) {
      CAPTURE(target);
      owned_activation alone = one_by_one(c);
      for (const std::uint32_t threads : {1U, 2U, 16U}) {
        shuffled_stream stream(threads, threads);
        owned_activation whole(c.rows(), c.cols(), true, false);
        attention_params p = c.params(whole, 0, c.rows());
        room.lend(p);
        REQUIRE(cpu_backend().attention(stream, p) == status::ok);
        CHECK(same_bits(whole.f32(), alone.f32()));
      }
    });
  }
}

TEST_CASE("blocks are shared only as far as the workspace goes, with the same bits") {
  generator random(45);
  const heads h{4, 2, 32};
  attention_case c(h, kv_type::f16, 32, {{899, 900}, {1299, 1300}, {599, 600}}, random);
  owned_activation alone = one_by_one(c);
  for (const std::uint32_t positions : {0U, 256U, 1024U, 1536U, 4096U}) {
    CAPTURE(positions);
    workspace room(h, positions);
    owned_activation whole(c.rows(), c.cols(), true, false);
    attention_params p = c.params(whole, 0, c.rows());
    room.lend(p);
    shuffled_stream stream(8);
    REQUIRE(cpu_backend().attention(stream, p) == status::ok);
    CHECK(same_bits(whole.f32(), alone.f32()));
    CHECK(room.counters_are_zero());
  }
}

TEST_CASE("attention refuses pages that do not hold whole strips of keys") {
  generator random(46);
  attention_case c({2, 1, 16}, kv_type::f16, 16, {{0, 8}}, random);
  owned_activation out(c.rows(), c.cols(), true, false);
  shuffled_stream stream(1);
  attention_params p = c.params(out, 0, c.rows());
  for (const std::uint32_t page : {0U, 8U, 24U, 48U, 512U}) {
    p.cache.page_size = page;
    CHECK(cpu_backend().attention(stream, p) == status::invalid_shape);
  }
}

}  // namespace troupe::kernels::test
