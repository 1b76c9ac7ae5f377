#include <doctest/doctest.h>

#include <algorithm>
#include <vector>

#include "kernels/reference/convert.hpp"
#include "kernels/reference/ops.hpp"
#include "tests/kernels/attention_support.hpp"
#include "tests/kernels/cuda/support.hpp"

namespace troupe::kernels::test {
namespace {

step make_rows(heads h, std::uint32_t half, std::uint32_t rows, generator& random) {
  step s;
  std::vector<std::int32_t> next(3, 0);
  for (std::uint32_t r = 0; r < rows; ++r) {
    s.sequences.push_back(pick(random, 0, 2));
    s.positions.push_back(next[s.sequences.back()]++);
  }
  s.qkv = random_floats(rows * row_width(h), random);
  std::vector<float> frequencies(half);
  for (std::uint32_t i = 0; i < half; ++i) frequencies[i] = 1.0F / static_cast<float>(i + 1);
  s.table.resize(std::size_t{rows} * 2 * half);
  cuda::emulated_stream stream;
  REQUIRE(gpu_backend().rope_table(stream, {s.positions.data(), frequencies.data(), s.table.data(),
                                            1.2F, half, rows}) == status::ok);
  std::vector<float> expected(s.table.size());
  reference::rope_table(
      {s.positions.data(), frequencies.data(), expected.data(), 1.2F, half, rows});
  CHECK(largest_error(s.table, expected, 1.0) < 1e-6);
  return s;
}

/// The store's numbers as float32; its unwritten zeros are zeros in either type.
std::vector<float> numbers(const std::vector<float>& store, kv_type type) {
  if (type == kv_type::f32) return store;
  const auto* halves = reinterpret_cast<const std::uint16_t*>(store.data());
  std::vector<float> out(store.size() * 2);
  std::transform(halves, halves + out.size(), out.begin(), reference::from_f16);
  return out;
}

}  // namespace

TEST_CASE("gpu: rope and the paged write agree with the reference, alone as in a batch") {
  generator random(111);
  const std::vector<heads> shapes = {{9, 3, 64}, {4, 2, 16}, {8, 1, 128}, {3, 3, 80}, {4, 2, 20}};
  for (const heads h : shapes) {
    for (int round = 0; round < 8; ++round) {
      CAPTURE(h.dim);
      CAPTURE(round);
      const std::uint32_t half = round % 4 == 3 ? h.dim / 4 : h.dim / 2;
      const kv_type type = round % 2 == 0 ? kv_type::f16 : kv_type::f32;
      const step s = make_rows(h, half, 12, random);
      paged expected(h, type, 16, 3, 32, random);
      paged together = expected;
      paged alone = expected;
      const std::vector<float> q_norm = random_floats(h.dim, random);
      const std::vector<float> k_norm = random_floats(h.dim, random);
      const auto params = [&](step& rows, paged& into, std::uint32_t from, std::uint32_t count) {
        rope_and_store_params p;
        p.qkv = rows.qkv.data() + from * row_width(h);
        p.table = rows.table.data() + std::size_t{from} * 2 * half;
        p.cache = into.layer();
        p.where = {rows.positions.data() + from, rows.sequences.data() + from, expected.tables(),
                   count};
        p.heads = h.query;
        p.half = half;
        p.pairing = round < 4 ? rope_pairing::halves : rope_pairing::neighbours;
        if (round % 4 > 1) {
          p.q_norm = q_norm.data();
          p.k_norm = k_norm.data();
        }
        return p;
      };
      step wanted = s;
      reference::rope_and_store(params(wanted, expected, 0, 12));
      step batch = s;
      cuda::emulated_stream stream(round + 1);
      REQUIRE(gpu_backend().rope_and_store(stream, params(batch, together, 0, 12)) == status::ok);
      CHECK(largest_error(batch.qkv, wanted.qkv, 1.0) < 2e-6);
      CHECK(same_bits(together.values(), expected.values()));
      CHECK(largest_error(numbers(together.keys(), type), numbers(expected.keys(), type), 1.0) <
            (type == kv_type::f16 ? 1e-3 : 2e-6));
      step single = s;
      for (std::uint32_t r = 0; r < 12; ++r)
        REQUIRE(gpu_backend().rope_and_store(stream, params(single, alone, r, 1)) == status::ok);
      CHECK(same_bits(single.qkv, batch.qkv));
      CHECK(same_bits(alone.keys(), together.keys()));
    }
  }
}

}  // namespace troupe::kernels::test
