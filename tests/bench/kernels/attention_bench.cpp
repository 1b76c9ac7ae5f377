#include "tests/bench/kernels/attention_bench.hpp"

#include <fmt/format.h>

#include <cstdlib>
#include <vector>

#include "tests/kernels/support.hpp"

namespace troupe::kernels::bench {
namespace {

struct shape {
  std::uint32_t heads;
  std::uint32_t kv_heads;
  std::uint32_t dim;
};

/// Rows of `sequences` sequences, as many of each, that end at position `context`.
struct rows_at {
  std::uint32_t rows;
  std::uint32_t sequences;
  std::uint32_t context;
};

/// Caches of as many layers as fit in `most` bytes, so that a decode finds them as in a model: not
/// in the processor's caches.
class layers {
 public:
  layers(const shape& s, const rows_at& at, std::size_t most) : shape_(s) {
    const std::uint32_t pages = (at.context + page - 1) / page;
    for (std::uint32_t i = 0; i < at.sequences; ++i) {
      tables_.emplace_back();
      // Neighbours in a table are not neighbours in memory.
      for (std::uint32_t k = 0; k < pages; ++k)
        tables_.back().push_back(static_cast<std::int32_t>((k * 7 % pages) * at.sequences + i));
      if (pages % 7 == 0)
        for (std::uint32_t k = 0; k < pages; ++k)
          tables_.back()[k] = static_cast<std::int32_t>(k * at.sequences + i);
    }
    for (const auto& t : tables_) pointers_.push_back(t.data());
    half_ = std::size_t{pages} * at.sequences * page * s.kv_heads * s.dim;
    count_ = std::max<std::size_t>(1, most / (half_ * 4));
    // Small numbers of either sign in float16, so that weights spread over positions.
    test::generator random(1);
    memory_.resize(half_ * 2 * count_);
    for (std::uint16_t& v : memory_) v = static_cast<std::uint16_t>(0x3000U + (random() & 0x83ffU));
  }

  [[nodiscard]] std::size_t count() const { return count_; }
  [[nodiscard]] const std::int32_t* const* tables() const { return pointers_.data(); }
  [[nodiscard]] kv_layer layer(std::size_t i) {
    auto* keys = reinterpret_cast<std::byte*>(memory_.data() + half_ * 2 * i);
    return {keys, keys + half_ * 2, kv_type::f16, page, shape_.kv_heads, shape_.dim};
  }

 private:
  static constexpr std::uint32_t page = 16;
  shape shape_;
  std::vector<std::vector<std::int32_t>> tables_;
  std::vector<const std::int32_t*> pointers_;
  std::size_t half_ = 0;
  std::size_t count_ = 1;
  std::vector<std::uint16_t> memory_;
};

void bench_one(bench_stream& s, const shape& h, const rows_at& at, std::size_t most_bytes) {
  layers cache(h, at, most_bytes);
  test::generator random(2);
  std::vector<std::int32_t> positions;
  std::vector<std::uint32_t> sequences;
  const std::uint32_t each = at.rows / at.sequences;
  double pairs = 0;
  for (std::uint32_t r = 0; r < at.rows; ++r) {
    sequences.push_back(r / each);
    positions.push_back(static_cast<std::int32_t>(at.context - each + r % each));
    pairs += positions.back() + 1;
  }
  const std::vector<float> qkv =
      test::random_floats(std::size_t{at.rows} * (h.heads + 2 * h.kv_heads) * h.dim, random);
  test::owned_activation out(at.rows, h.heads * h.dim, false, true);
  std::vector<std::uint32_t> workspace(
      attention_workspace_bytes(h.heads, h.dim, std::size_t{at.context} * at.sequences * 4) / 4);
  attention_params p;
  p.qkv = qkv.data();
  p.where = {positions.data(), sequences.data(), cache.tables(), at.rows};
  p.out = out.view();
  p.scale = 0.125F;
  p.heads = h.heads;
  p.workspace = reinterpret_cast<std::byte*>(workspace.data());
  p.workspace_bytes = workspace.size() * 4;
  const double seconds = best_seconds([&] {
                           for (std::size_t i = 0; i < cache.count(); ++i) {
                             p.cache = cache.layer(i);
                             if (test::cpu_backend().attention(s, p) != status::ok) std::abort();
                           }
                         }) /
                         static_cast<double>(cache.count());
  const double bytes = 4.0 * at.sequences * at.context * h.kv_heads * h.dim;
  fmt::print(
      "attention {:2}/{} x {:3}, rows {:3} of {:2} up to {:5}: {:9.3f} ms {:7.1f} GFLOP/s {:6.1f} "
      "GB/s\n",
      h.heads, h.kv_heads, h.dim, at.rows, at.sequences, at.context, seconds * 1e3,
      pairs * h.heads * h.dim * 4 / seconds / 1e9, bytes / seconds / 1e9);
}

}  // namespace

void bench_attention(bench_stream& s) {
  constexpr std::size_t one_layer = 1;
  constexpr std::size_t model = 180U << 20U;
  constexpr shape small{9, 3, 64};
  constexpr shape wide{32, 4, 128};
  for (const std::uint32_t before : {0U, 2048U, 8192U})
    bench_one(s, small, {512, 1, before + 512}, one_layer);
  bench_one(s, wide, {512, 1, 2048 + 512}, one_layer);
  for (const std::uint32_t context : {256U, 512U, 2048U, 8192U})
    bench_one(s, small, {1, 1, context}, model);
  bench_one(s, wide, {1, 1, 2048}, model);
  bench_one(s, wide, {1, 1, 8192}, model);
  bench_one(s, small, {5, 1, 2048}, model);
  bench_one(s, small, {16, 16, 256}, model);
  bench_one(s, small, {16, 16, 2048}, model);
}

}  // namespace troupe::kernels::bench
