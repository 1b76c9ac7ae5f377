#include <doctest/doctest.h>

#include <algorithm>
#include <numeric>
#include <vector>

#include "kernels/reference/ops.hpp"
#include "tests/kernels/support.hpp"

namespace troupe::kernels::test {
namespace {

struct heads {
  std::uint32_t query;
  std::uint32_t kv;
  std::uint32_t dim;
};

/// A paged cache for some sequences, pages handed out in random order.
class paged {
 public:
  paged(heads h, kv_type type, std::uint32_t page_size, std::uint32_t sequences,
        std::uint32_t positions, generator& random)
      : heads_(h), type_(type), page_size_(page_size) {
    const std::uint32_t pages = (positions + page_size - 1) / page_size;
    std::vector<std::int32_t> order(std::size_t{pages} * sequences);
    std::iota(order.begin(), order.end(), 0);
    std::shuffle(order.begin(), order.end(), random);
    for (std::uint32_t i = 0; i < sequences; ++i)
      pages_.emplace_back(order.begin() + i * pages, order.begin() + (i + 1) * pages);
    for (const auto& p : pages_) tables_.push_back(p.data());
    keys_.resize(order.size() * page_size * h.kv * h.dim * kv_element_bytes(type) / 4);
    values_.resize(keys_.size());
  }

  [[nodiscard]] kv_layer layer() {
    return {reinterpret_cast<std::byte*>(keys_.data()),
            reinterpret_cast<std::byte*>(values_.data()),
            type_,
            page_size_,
            heads_.kv,
            heads_.dim};
  }
  [[nodiscard]] const std::int32_t* const* tables() const { return tables_.data(); }
  [[nodiscard]] std::vector<float>& keys() { return keys_; }
  [[nodiscard]] std::vector<float>& values() { return values_; }

 private:
  heads heads_;
  kv_type type_;
  std::uint32_t page_size_;
  std::vector<std::vector<std::int32_t>> pages_;
  std::vector<const std::int32_t*> tables_;
  std::vector<float> keys_;
  std::vector<float> values_;
};

std::size_t row_width(heads h) { return std::size_t{h.query + 2 * h.kv} * h.dim; }

/// Rows of one step, with their q, k, v.
struct step {
  std::vector<std::int32_t> positions;
  std::vector<std::uint32_t> sequences;
  std::vector<float> qkv;
  std::vector<float> table;

  [[nodiscard]] row_placement where(const paged& cache) const {
    return {positions.data(), sequences.data(), cache.tables(),
            static_cast<std::uint32_t>(positions.size())};
  }
};

step make_step(heads h, std::uint32_t half, std::uint32_t rows, std::uint32_t sequences,
               generator& random) {
  step s;
  std::vector<std::int32_t> next(sequences, 0);
  for (std::uint32_t r = 0; r < rows; ++r) {
    s.sequences.push_back(pick(random, 0, sequences - 1));
    s.positions.push_back(next[s.sequences.back()]++);
  }
  s.qkv = random_floats(rows * row_width(h), random);
  std::vector<float> frequencies(half);
  for (std::uint32_t i = 0; i < half; ++i) frequencies[i] = 1.0F / static_cast<float>(i + 1);
  s.table.resize(std::size_t{rows} * 2 * half);
  reference::rope_table({s.positions.data(), frequencies.data(), s.table.data(), 1.0F, half, rows});
  return s;
}

rope_and_store_params store_params(step& s, paged& cache, heads h, std::uint32_t half) {
  rope_and_store_params p;
  p.qkv = s.qkv.data();
  p.table = s.table.data();
  p.cache = cache.layer();
  p.where = s.where(cache);
  p.heads = h.query;
  p.half = half;
  return p;
}

const std::vector<heads> shapes = {{9, 3, 64}, {4, 2, 16}, {6, 6, 16}, {8, 1, 128},
                                   {3, 3, 80}, {8, 2, 8},  {4, 2, 20}};

}  // namespace

TEST_CASE("rope_table is cos and sin of the float32 angle") {
  const std::vector<std::int32_t> positions = {0, 1, 77, 8191, 262143};
  const std::vector<float> frequencies = {1.0F, 0.1F, 0.001F};
  std::vector<float> expected(positions.size() * 6);
  std::vector<float> out(expected.size());
  rope_table_params p{positions.data(), frequencies.data(), expected.data(), 1.2F, 3, 5};
  reference::rope_table(p);
  p.table = out.data();
  shuffled_stream s(2);
  REQUIRE(cpu_backend().rope_table(s, p) == status::ok);
  CHECK(largest_error(out, expected, 1.0) < 1e-6);
}

TEST_CASE("rope_and_store agrees with the reference: norms, pairings, partial rotation, types") {
  generator random(41);
  for (const heads h : shapes) {
    for (int round = 0; round < 8; ++round) {
      const std::uint32_t half = round % 4 == 3 ? h.dim / 4 : h.dim / 2;
      const kv_type type = round % 2 == 0 ? kv_type::f16 : kv_type::f32;
      const step s = make_step(h, half, 20, 3, random);
      paged expected(h, type, 16, 3, 32, random);
      paged cache = expected;
      const std::vector<float> q_norm = random_floats(h.dim, random);
      const std::vector<float> k_norm = random_floats(h.dim, random);
      const auto params = [&](step& rows, paged& into) {
        rope_and_store_params p = store_params(rows, into, h, half);
        p.pairing = round < 4 ? rope_pairing::halves : rope_pairing::neighbours;
        if (round % 4 > 1) {
          p.q_norm = q_norm.data();
          p.k_norm = k_norm.data();
        }
        return p;
      };
      step wanted = s;
      reference::rope_and_store(params(wanted, expected));
      each_target([&](const std::string& target) {
        CAPTURE(target);
        CAPTURE(h.dim);
        CAPTURE(round);
        step got = s;
        std::fill(cache.keys().begin(), cache.keys().end(), 0.0F);
        std::fill(cache.values().begin(), cache.values().end(), 0.0F);
        shuffled_stream stream(2);
        rope_and_store_params p = params(got, cache);
        // The copied cache's page tables still belong to `expected`: the same pages.
        REQUIRE(cpu_backend().rope_and_store(stream, p) == status::ok);
        CHECK(largest_error(got.qkv, wanted.qkv, 1.0) < 2e-6);
        CHECK(same_bits(cache.values(), expected.values()));
        if (type == kv_type::f32) CHECK(largest_error(cache.keys(), expected.keys(), 1.0) < 2e-6);
      });
    }
  }
}

TEST_CASE("attention agrees with the reference over pages, groups of heads and lengths") {
  generator random(42);
  for (const heads h : shapes) {
    for (const std::uint32_t page_size : {16U, 32U}) {
      const kv_type type = page_size == 16 ? kv_type::f16 : kv_type::f32;
      const std::uint32_t rows = 150;
      step s = make_step(h, h.dim / 2, rows, 2, random);
      paged cache(h, type, page_size, 2, rows, random);
      reference::rope_and_store(store_params(s, cache, h, h.dim / 2));
      const std::uint32_t cols = h.query * h.dim;
      const bool q8 = cols % q8_group == 0;
      owned_activation expected(rows, cols, true, false);
      attention_params p{s.qkv.data(),    cache.layer(), s.where(cache),
                         expected.view(), 0.125F,        h.query};
      reference::attention(p);
      each_target([&](const std::string& target) {
        CAPTURE(target);
        CAPTURE(h.dim);
        owned_activation out(rows, cols, true, q8);
        p.out = out.view();
        shuffled_stream stream(3);
        REQUIRE(cpu_backend().attention(stream, p) == status::ok);
        CHECK(largest_error(out.f32(), expected.f32(), 1.0) < 3e-6);
        if (!q8) return;
        owned_activation only(rows, cols, false, true);
        p.out = only.view();
        REQUIRE(cpu_backend().attention(stream, p) == status::ok);
        CHECK(only.q8() == out.q8());
      });
    }
  }
}

TEST_CASE("a row of attention has the same bits as prefill, as decode and on any threads") {
  generator random(43);
  for (const heads h : shapes) {
    const std::uint32_t rows = 140;
    step s = make_step(h, h.dim / 2, rows, 1, random);
    paged cache(h, kv_type::f16, 16, 1, rows, random);
    reference::rope_and_store(store_params(s, cache, h, h.dim / 2));
    const std::uint32_t cols = h.query * h.dim;
    each_target([&](const std::string& target) {
      CAPTURE(target);
      owned_activation whole(rows, cols, true, false);
      shuffled_stream stream(4);
      attention_params p{s.qkv.data(), cache.layer(), s.where(cache), whole.view(), 0.2F, h.query};
      REQUIRE(cpu_backend().attention(stream, p) == status::ok);
      owned_activation alone(rows, cols, true, false);
      shuffled_stream single(1);
      for (std::uint32_t r = 0; r < rows; ++r) {
        p.qkv = s.qkv.data() + r * row_width(h);
        p.where.position = s.positions.data() + r;
        p.where.sequence = s.sequences.data() + r;
        p.where.rows = 1;
        p.out = alone.view_from(r);
        REQUIRE(cpu_backend().attention(single, p) == status::ok);
      }
      CHECK(same_bits(whole.f32(), alone.f32()));
    });
  }
}

}  // namespace troupe::kernels::test
