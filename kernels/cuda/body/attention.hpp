#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/api/attention.hpp"
#include "kernels/cuda/body/attention_work.hpp"
#include "kernels/cuda/body/memory.hpp"
#include "kernels/cuda/body/rope.hpp"

// Paged attention, the same for prefill and decode: keys and values are visited in blocks of
// attention_block positions aligned to position 0, each block's partial (maximum, sum, weighted
// values) is merged in ascending order. Where a row's partials fit into the workspace, many thread
// blocks share it and attention_merge_kernel merges; else one thread block merges as it goes. Both
// run the very same operations, so a row's bits do not depend on which it was.
namespace troupe::kernels::cuda {

/// Elements that a thread asks memory for before it computes with the first.
inline constexpr std::uint32_t attention_batch = 8;

/// Elements of keys or values from `at` on, `stride` apart; all are asked for before any is there.
TROUPE_KERNEL void load_kv_batch(kv_type type, const std::byte* base, std::size_t at,
                                 std::size_t stride, float (&out)[attention_batch]) {
  if (type == kv_type::f32) {
    TROUPE_UNROLL
    for (std::uint32_t i = 0; i < attention_batch; ++i)
      out[i] = reinterpret_cast<const float*>(base)[at + i * stride];
    return;
  }
  std::uint16_t halves[attention_batch];
  TROUPE_UNROLL
  for (std::uint32_t i = 0; i < attention_batch; ++i)
    halves[i] = reinterpret_cast<const std::uint16_t*>(base)[at + i * stride];
  TROUPE_UNROLL
  for (std::uint32_t i = 0; i < attention_batch; ++i) out[i] = from_f16(halves[i]);
}

/// Grid: row tiles, KV heads times head chunks, splits. A thread has `Dims` elements of a head.
template <std::uint32_t Dims>
struct attention_kernel {
  using params = attention_work;
  static constexpr std::uint32_t threads = attention_threads;
  static constexpr std::uint32_t dims = Dims;
  static constexpr std::uint32_t most_dim = Dims * threads;
  /// Floats from a position's scores to the next position's: a query's lie in different banks.
  static constexpr std::uint32_t score_stride = attention_queries + 4;
  static constexpr std::uint32_t shared_bytes =
      (attention_queries * most_dim + attention_block * score_stride + 3 * attention_queries) *
      sizeof(float);

  /// Rows of a tile that belong to one sequence, and the heads that one thread block has of each.
  struct run_of_rows {
    std::uint32_t first, rows;
    std::uint32_t head, heads;  ///< first head, heads
    std::uint32_t kv;
    bool shared;
    [[nodiscard]] TROUPE_KERNEL std::uint32_t queries() const { return rows * heads; }
    [[nodiscard]] TROUPE_KERNEL std::uint32_t row(std::uint32_t q) const {
      return first + q / heads;
    }
    [[nodiscard]] TROUPE_KERNEL std::uint32_t head_of(std::uint32_t q) const {
      return head + q % heads;
    }
  };

  template <class Thread>
  TROUPE_KERNEL static void run(Thread& t, const params& w) {
    const attention_params& p = w.p;
    const std::uint32_t group = p.heads / p.cache.kv_heads;
    const std::uint32_t kv = t.y() / w.head_chunks;
    const std::uint32_t chunk = t.y() % w.head_chunks * attention_queries;
    const std::uint32_t end = least(p.where.rows, (t.x() + 1) * w.row_tile);
    run_of_rows r{0, 0, kv * group + chunk, least(attention_queries, group - chunk), kv, false};
    for (r.first = t.x() * w.row_tile; r.first < end; r.first += r.rows) {
      r.shared = is_shared(w, r.first);
      r.rows = 1;
      while (r.first + r.rows < end &&
             p.where.sequence[r.first + r.rows] == p.where.sequence[r.first] &&
             is_shared(w, r.first + r.rows) == r.shared)
        ++r.rows;
      if (r.shared || t.z() == 0) visit(t, w, r);
    }
  }

 private:
  struct room {
    float* q;             ///< [dim][queries]
    float* scores;        ///< [attention_block][score_stride], then what they weigh
    float* most;          ///< [queries]
    float* sum;           ///< [queries]
    std::uint32_t* last;  ///< [queries], the position that each sees last
  };

  template <class Thread>
  TROUPE_KERNEL static void visit(Thread& t, const params& w, const run_of_rows& r) {
    const attention_params& p = w.p;
    const std::uint32_t dim = p.cache.head_dim;
    auto* shared = t.template shared<float>();
    float* behind = shared + attention_queries * most_dim + attention_block * score_stride;
    const room m{shared, shared + attention_queries * most_dim, behind, behind + attention_queries,
                 reinterpret_cast<std::uint32_t*>(behind + 2 * attention_queries)};
    const std::uint32_t width = (p.heads + 2 * p.cache.kv_heads) * dim;
    std::uint32_t positions = 0;
    std::uint32_t common = ~0U;  // every row sees those before it
    for (std::uint32_t i = 0; i < r.rows; ++i) {
      const auto here = static_cast<std::uint32_t>(p.where.position[r.first + i]) + 1;
      positions = here > positions ? here : positions;
      common = least(common, here);
    }
    for (std::uint32_t i = t.thread(); i < attention_queries * dim; i += threads) {
      const std::uint32_t q = i / dim;
      m.q[i % dim * attention_queries + q] =
          q < r.queries() ? p.qkv[std::size_t{r.row(q)} * width + r.head_of(q) * dim + i % dim]
                          : 0.0F;
    }
    for (std::uint32_t q = t.thread(); q < r.queries(); q += threads)
      m.last[q] = static_cast<std::uint32_t>(p.where.position[r.row(q)]);
    t.sync();
    running state[attention_queries];
    float total[dims][attention_queries] = {};
    const std::uint32_t step = r.shared ? w.splits : 1;
    for (std::uint32_t b = r.shared ? t.z() : 0; b < blocks_before(positions); b += step) {
      float part[dims][attention_queries] = {};
      score(t, p, r, m, b, positions);
      t.sync();
      weigh(t, r, m);
      t.sync();
      add_values(t, p, r, m, b, positions, common, part);
      if (r.shared)
        write_partials(t, w, r, m, b, part);
      else
        merge(r, m, state, total, part);
      t.sync();
    }
    if (r.shared) return;
    TROUPE_UNROLL
    for (std::uint32_t q = 0; q < attention_queries; ++q) {
      if (q >= r.queries()) break;
      float* out = p.out.f32 + (std::size_t{r.row(q)} * p.heads + r.head_of(q)) * dim;
      TROUPE_UNROLL
      for (std::uint32_t k = 0; k < dims; ++k) {
        const std::uint32_t d = t.thread() + k * threads;
        if (d < dim) out[d] = total[k][q] / state[q].sum;
      }
    }
  }

  /// into[q] = fmaf(by[q], x, into[q]) for each query.
  TROUPE_KERNEL static void add_products(const run_of_rows& r, const float* by, float x,
                                         float (&into)[attention_queries]) {
    TROUPE_UNROLL
    for (std::uint32_t q = 0; q < attention_queries; q += 4) {
      if (q >= r.queries()) break;
      const four_floats y = load_shared(by + q);
      TROUPE_UNROLL
      for (std::uint32_t i = 0; i < 4; ++i) into[q + i] = fmaf(y.at[i], x, into[q + i]);
    }
  }

  /// Scaled products of every query with the block's keys; a thread has a position at a time.
  template <class Thread>
  TROUPE_KERNEL static void score(Thread& t, const attention_params& p, const run_of_rows& r,
                                  const room& m, std::uint32_t block, std::uint32_t positions) {
    const std::uint32_t dim = p.cache.head_dim;
    for (std::uint32_t at = t.thread(); at < attention_block; at += threads) {
      const std::uint32_t position = block * attention_block + at;
      float sum[attention_queries] = {};
      if (position < positions) {
        const std::size_t page = page_of(p.where, r.first, p.cache.page_size, position);
        const std::size_t key = p.cache.key_at(page, r.kv, position % p.cache.page_size);
        std::uint32_t i = 0;
        for (; i + attention_batch <= dim; i += attention_batch) {
          float k[attention_batch];
          load_kv_batch(p.cache.type, p.cache.keys, key + std::size_t{i} * key_strip, key_strip, k);
          TROUPE_UNROLL
          for (std::uint32_t e = 0; e < attention_batch; ++e)
            add_products(r, m.q + (i + e) * attention_queries, k[e], sum);
        }
        for (; i < dim; ++i)
          add_products(r, m.q + i * attention_queries,
                       load_kv(p.cache.type, p.cache.keys, key + std::size_t{i} * key_strip), sum);
      }
      TROUPE_UNROLL
      for (std::uint32_t q = 0; q < attention_queries; ++q) {
        if (q >= r.queries()) break;
        m.scores[at * score_stride + q] = position <= m.last[q] ? sum[q] * p.scale : minus_infinity;
      }
    }
  }

  /// Scores become weights against the block's own maximum; a warp has a query at a time.
  template <class Thread>
  TROUPE_KERNEL static void weigh(Thread& t, const run_of_rows& r, const room& m) {
    for (std::uint32_t q = t.warp(); q < r.queries(); q += threads / warp_size) {
      float* scores = m.scores + q;
      float most = minus_infinity;
      for (std::uint32_t i = t.lane(); i < attention_block; i += warp_size) {
        const float score = scores[i * score_stride];
        most = score > most ? score : most;
      }
      most = warp_largest(t, most);
      float sum = 0;
      for (std::uint32_t i = t.lane(); i < attention_block; i += warp_size) {
        float& score = scores[i * score_stride];
        score = score == minus_infinity ? 0.0F : exp_of(score - most);
        sum += score;
      }
      sum = warp_sum(t, sum);
      if (t.lane() != 0) continue;
      m.most[q] = most;
      m.sum[q] = sum;
    }
  }

  /// Values times weights, position after position; a thread has an element or two of the head.
  /// Every row sees the positions before `common`.
  template <class Thread>
  TROUPE_KERNEL static void add_values(Thread& t, const attention_params& p, const run_of_rows& r,
                                       const room& m, std::uint32_t block, std::uint32_t positions,
                                       std::uint32_t common,
                                       float (&part)[dims][attention_queries]) {
    const std::uint32_t first = block * attention_block;
    const std::uint32_t count = least(attention_block, positions - first);
    TROUPE_UNROLL
    for (std::uint32_t k = 0; k < dims; ++k) {
      const std::uint32_t d = t.thread() + k * threads;
      if (d >= p.cache.head_dim) break;
      const auto value_at = [&](std::uint32_t at) {
        const std::size_t page = page_of(p.where, r.first, p.cache.page_size, first + at);
        return p.cache.value_at(page, r.kv, (first + at) % p.cache.page_size) + d;
      };
      std::uint32_t at = 0;
      // A batch lies in one page, whose positions are a multiple of key_strip.
      static_assert(key_strip % attention_batch == 0);
      for (; at + attention_batch <= count && first + at + attention_batch <= common;
           at += attention_batch) {
        float v[attention_batch];
        load_kv_batch(p.cache.type, p.cache.values, value_at(at), p.cache.head_dim, v);
        TROUPE_UNROLL
        for (std::uint32_t e = 0; e < attention_batch; ++e)
          add_products(r, m.scores + (at + e) * score_stride, v[e], part[k]);
      }
      for (; at < count; ++at) {
        const float v = load_kv(p.cache.type, p.cache.values, value_at(at));
        TROUPE_UNROLL
        for (std::uint32_t q = 0; q < attention_queries; ++q) {
          if (q >= r.queries()) break;
          // What a row does not see must not reach it, not even as zero times infinity.
          if (first + at <= m.last[q])
            part[k][q] = fmaf(m.scores[at * score_stride + q], v, part[k][q]);
        }
      }
    }
  }

  TROUPE_KERNEL static void merge(const run_of_rows& r, const room& m,
                                  running (&state)[attention_queries],
                                  float (&total)[dims][attention_queries],
                                  const float (&part)[dims][attention_queries]) {
    TROUPE_UNROLL
    for (std::uint32_t q = 0; q < attention_queries; ++q) {
      if (q >= r.queries()) break;
      state[q] = merged(state[q], m.most[q], m.sum[q]);
      TROUPE_UNROLL
      for (std::uint32_t k = 0; k < dims; ++k)
        total[k][q] = fmaf(total[k][q], state[q].keep, part[k][q] * state[q].take);
    }
  }

  template <class Thread>
  TROUPE_KERNEL static void write_partials(Thread& t, const params& w, const run_of_rows& r,
                                           const room& m, std::uint32_t block,
                                           const float (&part)[dims][attention_queries]) {
    const std::uint32_t dim = w.p.cache.head_dim;
    TROUPE_UNROLL
    for (std::uint32_t q = 0; q < attention_queries; ++q) {
      if (q >= r.queries()) break;
      // Rows of one run may end in different blocks.
      if (block >= blocks_before(static_cast<std::uint32_t>(w.p.where.position[r.row(q)]) + 1))
        continue;
      float* to = partial_at(w, r.row(q), block, r.head_of(q));
      TROUPE_UNROLL
      for (std::uint32_t k = 0; k < dims; ++k) {
        const std::uint32_t d = t.thread() + k * threads;
        if (d < dim) to[d] = part[k][q];
      }
      if (t.thread() == 0) to[dim] = m.most[q];
      if (t.thread() == 0) to[dim + 1] = m.sum[q];
    }
  }
};

static_assert(attention_kernel<2>::most_dim == attention_most_dim);

}  // namespace troupe::kernels::cuda
