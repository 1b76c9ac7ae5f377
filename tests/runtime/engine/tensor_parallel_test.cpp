#include <doctest/doctest.h>

#include <cmath>
#include <memory>
#include <vector>

#include "kernels/reference/ops.hpp"
#include "runtime/engine/tensor_share.hpp"
#include "runtime/transport/collective/inproc_collective.hpp"
#include "tests/kernels/cuda/support.hpp"
#include "tests/kernels/support.hpp"

namespace troupe {
namespace {

using namespace kernels;
using kernels::test::generator;
using kernels::test::owned_matrix;
using kernels::test::random_floats;
using kernels::test::same_bits;

constexpr std::uint32_t rows = 5;
constexpr std::uint32_t heads = 8;
constexpr std::uint32_t kv_heads = 4;
constexpr std::uint32_t dim = 16;
constexpr std::uint32_t hidden = 128;
constexpr std::uint32_t experts = 2;
constexpr std::uint32_t top_k = 2;

/// One layer's weights, whole.
struct layer {
  layer(dtype type, std::uint32_t inner, generator& random)
      : q(type, heads * dim, hidden, random),
        k(type, kv_heads * dim, hidden, random),
        v(type, kv_heads * dim, hidden, random),
        o(type, hidden, heads * dim, random) {
    for (std::uint32_t e = 0; e < experts; ++e) {
      ffn.emplace_back(type, inner, hidden, random);
      ffn.emplace_back(type, inner, hidden, random);
      ffn.emplace_back(type, hidden, inner, random);
    }
  }
  owned_matrix q, k, v, o;
  std::vector<owned_matrix> ffn;
};

matrix slice(const owned_matrix& w, std::uint32_t unit, std::uint32_t rank, std::uint32_t ranks) {
  const auto share = share_of(w.view().rows, unit, rank, ranks);
  REQUIRE(share.has_value());
  const auto part = rows_of(w.view(), *share);
  REQUIRE(part.has_value());
  return *part;
}

/// One rank: its share of the layer, its cache, and an end of the group.
struct worker_rank {
  worker_rank(const layer& whole, backend& b, kernels::stream& s, std::uint32_t rank,
              std::uint32_t ranks, std::uint32_t unit)
      : kernels(b), work(s), keys(16 * kv_heads / ranks * dim), values(keys.size()) {
    q = slice(whole.q, dim, rank, ranks);
    k = slice(whole.k, dim, rank, ranks);
    v = slice(whole.v, dim, rank, ranks);
    o = slice(whole.o, unit, rank, ranks);
    for (std::uint32_t e = 0; e < experts; ++e)
      ffn.push_back({slice(whole.ffn[3 * e], unit, rank, ranks),
                     slice(whole.ffn[3 * e + 1], unit, rank, ranks),
                     slice(whole.ffn[3 * e + 2], unit, rank, ranks)});
  }

  std::vector<float> attend(std::vector<float> x, const std::vector<float>& table) {
    const std::uint32_t width = q.rows + 2 * k.rows;
    std::vector<float> qkv(std::size_t{rows} * width);
    REQUIRE(kernels.projections(
                work, {{x.data(), nullptr, hidden}, {q, k, v}, {}, qkv.data(), rows, width}) ==
            status::ok);
    const std::vector<std::int32_t> position = {0, 1, 2, 3, 4};
    const std::vector<std::uint32_t> sequence(rows);
    const std::int32_t page = 0;
    const std::int32_t* const tables[] = {&page};
    const row_placement where{position.data(), sequence.data(), tables, rows};
    const kv_layer cache{reinterpret_cast<std::byte*>(keys.data()),
                         reinterpret_cast<std::byte*>(values.data()),
                         kv_type::f32,
                         16,
                         k.rows / dim,
                         dim};
    REQUIRE(kernels.rope_and_store(work, {qkv.data(), nullptr, nullptr, table.data(), cache, where,
                                          1e-6F, rope_pairing::halves, q.rows / dim, dim / 2}) ==
            status::ok);
    std::vector<float> out(std::size_t{rows} * q.rows);
    REQUIRE(
        kernels.attention(
            work, {qkv.data(), cache, where, {out.data(), nullptr, q.rows}, 0.25F, q.rows / dim}) ==
        status::ok);
    return out;
  }
  std::vector<float> output(std::vector<float> attended) {
    std::vector<float> y(std::size_t{rows} * o.rows);
    REQUIRE(
        kernels.linear(
            work,
            {{attended.data(), nullptr, o.cols}, o, nullptr, nullptr, y.data(), rows, o.rows}) ==
        status::ok);
    return y;
  }
  std::vector<float> up(std::vector<float> x) {
    std::vector<float> out(std::size_t{rows} * top_k * ffn[0].gate.rows);
    REQUIRE(kernels.expert_up(work, {ffn.data(),
                                     offsets.data(),
                                     slots.data(),
                                     {x.data(), nullptr, hidden},
                                     {out.data(), nullptr, ffn[0].gate.rows},
                                     experts,
                                     rows,
                                     top_k}) == status::ok);
    return out;
  }
  std::vector<float> down(std::vector<float> middle) {
    std::vector<float> out(std::size_t{rows} * top_k * ffn[0].down.rows);
    REQUIRE(kernels.expert_down(work, {ffn.data(),
                                       offsets.data(),
                                       slots.data(),
                                       {middle.data(), nullptr, ffn[0].down.cols},
                                       out.data(),
                                       experts,
                                       rows,
                                       top_k}) == status::ok);
    return out;
  }

  backend& kernels;
  kernels::stream& work;
  matrix q, k, v, o;
  std::vector<expert_weights> ffn;
  std::vector<float> keys, values;
  // Every row goes to both experts.
  std::vector<std::uint32_t> offsets = {0, rows, 2 * rows};
  std::vector<std::uint32_t> slots = {0, 2, 4, 6, 8, 1, 3, 5, 7, 9};
};

/// Runs `part` on every rank and gathers the columns that each has.
template <class Part>
std::vector<float> together(std::vector<worker_rank>& ranks, std::uint32_t lines,
                            const Part& part) {
  const auto count = static_cast<std::uint32_t>(ranks.size());
  auto ends = make_inproc_collective(count, 1);
  std::vector<std::vector<float>> mine;
  mine.reserve(ranks.size());
  for (worker_rank& r : ranks) mine.push_back(part(r));
  const auto width = static_cast<std::uint32_t>(mine[0].size() / lines);
  std::vector<std::vector<float>> all(count, std::vector<float>(mine[0].size() * count));
  std::uint32_t done = 0;
  for (std::uint32_t r = 0; r < count; ++r)
    REQUIRE(ends[r]
                ->all_gather(mine[r].data(), all[r].data(), mine[r].size(),
                             collective::clock::time_point::max(),
                             [&](const result<void>& end) { done += end ? 1 : 0; })
                .has_value());
  REQUIRE(done == count);
  std::vector<float> out(all[0].size());
  place_columns(all[count - 1].data(), count, lines, width, out.data());
  return out;
}

/// Attention and experts of a layer on so many ranks.
std::vector<float> forward(const layer& whole, backend& b, kernels::stream& s, std::uint32_t ranks,
                           std::uint32_t unit, const std::vector<float>& x) {
  std::vector<worker_rank> group;
  for (std::uint32_t r = 0; r < ranks; ++r) group.emplace_back(whole, b, s, r, ranks, unit);
  std::vector<float> table(rows * dim);
  for (std::size_t i = 0; i < table.size(); ++i) table[i] = std::cos(static_cast<float>(i));
  const auto attended = together(group, rows, [&](worker_rank& r) { return r.attend(x, table); });
  const auto y = together(group, rows, [&](worker_rank& r) { return r.output(attended); });
  const auto middle = together(group, rows * top_k, [&](worker_rank& r) { return r.up(y); });
  return together(group, rows * top_k, [&](worker_rank& r) { return r.down(middle); });
}

}  // namespace

TEST_CASE("attention and experts have the same bits on one, two and four ranks") {
  generator random(171);
  const std::vector<float> x = random_floats(std::size_t{rows} * hidden, random);
  for (const dtype type : {dtype::bf16, dtype::q8_0, dtype::f32}) {
    CAPTURE(info(type).name);
    const layer whole(type, 192, random);
    kernels::test::shuffled_stream cpu(3);
    kernels::cuda::emulated_stream gpu(3);
    for (const bool on_gpu : {false, true}) {
      CAPTURE(on_gpu);
      backend& b = on_gpu ? kernels::test::gpu_backend() : kernels::test::cpu_backend();
      kernels::stream& s = on_gpu ? static_cast<kernels::stream&>(gpu) : cpu;
      const std::vector<float> one = forward(whole, b, s, 1, 1, x);
      for (const std::uint32_t ranks : {2U, 4U})
        CHECK(same_bits(forward(whole, b, s, ranks, 1, x), one));
    }
  }
}

TEST_CASE("FP8 matrices are divided at their blocks of scales") {
  generator random(172);
  const owned_matrix w(dtype::f8_e4m3, 512, 160, random);
  const std::vector<float> x = random_floats(rows * 160, random);
  std::vector<float> whole(rows * 512);
  kernels::test::shuffled_stream s(2);
  const activation in{const_cast<float*>(x.data()), nullptr, 160};
  REQUIRE(kernels::test::cpu_backend().linear(
              s, {in, w.view(), nullptr, nullptr, whole.data(), rows, 512}) == status::ok);
  for (std::uint32_t rank = 0; rank < 4; ++rank) {
    std::vector<float> y(rows * 128);
    REQUIRE(kernels::test::cpu_backend().linear(s, {in, slice(w, 128, rank, 4), nullptr, nullptr,
                                                    y.data(), rows, 128}) == status::ok);
    for (std::uint32_t r = 0; r < rows; ++r)
      for (std::uint32_t i = 0; i < 128; ++i)
        CHECK(y[r * 128 + i] == whole[r * 512 + rank * 128 + i]);
  }
  CHECK(rows_of(w.view(), {64, 64}).error().code() == errc::out_of_range);
  CHECK(rows_of(w.view(), {384, 256}).error().code() == errc::out_of_range);
  CHECK(share_of(96, 32, 0, 2).error().code() == errc::out_of_range);
  CHECK(share_of(96, 32, 2, 3)->first == 64);
}

}  // namespace troupe
