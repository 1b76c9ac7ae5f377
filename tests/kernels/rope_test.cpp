#include <doctest/doctest.h>

#include <algorithm>
#include <vector>

#include "kernels/reference/ops.hpp"
#include "tests/kernels/attention_support.hpp"

namespace troupe::kernels::test {
namespace {

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

}  // namespace troupe::kernels::test
