#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/api/attention.hpp"
#include "kernels/cuda/body/rope.hpp"

// Paged attention, the same for prefill and decode: keys and values are visited in blocks of
// attention_block positions aligned to position 0, each block's partial (maximum, sum, weighted
// values) is merged in ascending order. Where a row's partials fit into the workspace, many thread
// blocks share it and attention_merge_kernel merges; else one thread block merges as it goes. Both
// run the very same operations, so a row's bits do not depend on which it was.
namespace troupe::kernels::cuda {

/// Query vectors that share what a thread block reads.
inline constexpr std::uint32_t attention_queries = 16;
/// Widest head.
inline constexpr std::uint32_t attention_most_dim = 256;

struct attention_work {
  attention_params p;
  float* partials = nullptr;      ///< null: no row is shared
  std::size_t room_of_row = 0;    ///< floats
  std::uint32_t row_tile = 1;     ///< rows of one thread block
  std::uint32_t head_chunks = 1;  ///< thread blocks for the heads of one KV head
  std::uint32_t splits = 1;       ///< thread blocks that share a row
};

[[nodiscard]] TROUPE_KERNEL std::uint32_t blocks_before(std::uint32_t positions) {
  return ceil_divide(positions, attention_block);
}
/// Floats of one block's partial for one head: values, then maximum and sum.
[[nodiscard]] TROUPE_KERNEL std::size_t partial_floats(const attention_params& p) {
  return std::size_t{p.cache.head_dim} + 2;
}
/// Whether several thread blocks work on a row: a function of its position and of the launch.
[[nodiscard]] TROUPE_KERNEL bool is_shared(const attention_work& w, std::uint32_t row) {
  const std::uint32_t blocks =
      blocks_before(static_cast<std::uint32_t>(w.p.where.position[row]) + 1);
  return w.partials != nullptr && w.splits > 1 && blocks > 1 &&
         blocks * w.p.heads * partial_floats(w.p) <= w.room_of_row;
}
[[nodiscard]] TROUPE_KERNEL float* partial_at(const attention_work& w, std::uint32_t row,
                                              std::uint32_t block, std::uint32_t head) {
  return w.partials + row * w.room_of_row +
         (std::size_t{block} * w.p.heads + head) * partial_floats(w.p);
}

/// A row's softmax so far: maximum and sum. `keep` and `take` scale the values of what was there
/// and of a block that comes.
struct running {
  float most = minus_infinity;
  float sum = 0;
  float keep = 0;
  float take = 0;
};
TROUPE_KERNEL running merged(const running& r, float most, float sum) {
  if (most == minus_infinity) return {r.most, r.sum, 1.0F, 0.0F};
  const float peak = most > r.most ? most : r.most;
  const float keep = r.most == minus_infinity ? 0.0F : exp_of(r.most - peak);
  const float take = exp_of(most - peak);
  return {peak, fmaf(r.sum, keep, sum * take), keep, take};
}

/// Grid: row tiles, KV heads times head chunks, splits.
struct attention_kernel {
  using params = attention_work;
  static constexpr std::uint32_t threads = 128;
  static constexpr std::uint32_t dims = attention_most_dim / threads;  ///< of a thread
  static constexpr std::uint32_t shared_bytes =
      (attention_queries * (attention_most_dim + attention_block) + 2 * attention_queries) *
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
    float* q;       ///< [queries][dim]
    float* scores;  ///< [queries][attention_block], then what they weigh
    float* most;    ///< [queries]
    float* sum;     ///< [queries]
  };

  template <class Thread>
  TROUPE_KERNEL static void visit(Thread& t, const params& w, const run_of_rows& r) {
    const attention_params& p = w.p;
    const std::uint32_t dim = p.cache.head_dim;
    auto* shared = t.template shared<float>();
    const room m{shared, shared + attention_queries * attention_most_dim,
                 shared + attention_queries * (attention_most_dim + attention_block),
                 shared + attention_queries * (attention_most_dim + attention_block + 1)};
    const std::uint32_t width = (p.heads + 2 * p.cache.kv_heads) * dim;
    std::uint32_t positions = 0;
    for (std::uint32_t i = 0; i < r.rows; ++i) {
      const auto here = static_cast<std::uint32_t>(p.where.position[r.first + i]) + 1;
      positions = here > positions ? here : positions;
    }
    for (std::uint32_t i = t.thread(); i < r.queries() * dim; i += threads)
      m.q[i] = p.qkv[std::size_t{r.row(i / dim)} * width + r.head_of(i / dim) * dim + i % dim];
    t.sync();
    running state[attention_queries];
    float total[attention_queries][dims] = {};
    const std::uint32_t step = r.shared ? w.splits : 1;
    for (std::uint32_t b = r.shared ? t.z() : 0; b < blocks_before(positions); b += step) {
      float part[attention_queries][dims] = {};
      score(t, p, r, m, b, positions);
      t.sync();
      weigh(t, r, m);
      t.sync();
      add_values(t, p, r, m, b, positions, part);
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
        if (d < dim) out[d] = total[q][k] / state[q].sum;
      }
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
        for (std::uint32_t i = 0; i < dim; ++i) {
          const float k = load_kv(p.cache.type, p.cache.keys, key + std::size_t{i} * key_strip);
          TROUPE_UNROLL
          for (std::uint32_t q = 0; q < attention_queries; ++q)
            if (q < r.queries()) sum[q] = fmaf(m.q[q * dim + i], k, sum[q]);
        }
      }
      TROUPE_UNROLL
      for (std::uint32_t q = 0; q < attention_queries; ++q) {
        if (q >= r.queries()) break;
        const bool seen = position <= static_cast<std::uint32_t>(p.where.position[r.row(q)]);
        m.scores[q * attention_block + at] = seen ? sum[q] * p.scale : minus_infinity;
      }
    }
  }

  /// Scores become weights against the block's own maximum; a warp has a query at a time.
  template <class Thread>
  TROUPE_KERNEL static void weigh(Thread& t, const run_of_rows& r, const room& m) {
    for (std::uint32_t q = t.warp(); q < r.queries(); q += threads / warp_size) {
      float* scores = m.scores + q * attention_block;
      float most = minus_infinity;
      for (std::uint32_t i = t.lane(); i < attention_block; i += warp_size)
        most = scores[i] > most ? scores[i] : most;
      most = warp_largest(t, most);
      float sum = 0;
      for (std::uint32_t i = t.lane(); i < attention_block; i += warp_size) {
        scores[i] = scores[i] == minus_infinity ? 0.0F : exp_of(scores[i] - most);
        sum += scores[i];
      }
      sum = warp_sum(t, sum);
      if (t.lane() != 0) continue;
      m.most[q] = most;
      m.sum[q] = sum;
    }
  }

  /// Values times weights, position after position; a thread has an element or two of the head.
  template <class Thread>
  TROUPE_KERNEL static void add_values(Thread& t, const attention_params& p, const run_of_rows& r,
                                       const room& m, std::uint32_t block, std::uint32_t positions,
                                       float (&part)[attention_queries][dims]) {
    const std::uint32_t first = block * attention_block;
    const std::uint32_t count = least(attention_block, positions - first);
    for (std::uint32_t at = 0; at < count; ++at) {
      const std::size_t page = page_of(p.where, r.first, p.cache.page_size, first + at);
      const std::size_t from = p.cache.value_at(page, r.kv, (first + at) % p.cache.page_size);
      TROUPE_UNROLL
      for (std::uint32_t k = 0; k < dims; ++k) {
        const std::uint32_t d = t.thread() + k * threads;
        if (d >= p.cache.head_dim) continue;
        const float v = load_kv(p.cache.type, p.cache.values, from + d);
        TROUPE_UNROLL
        for (std::uint32_t q = 0; q < attention_queries; ++q) {
          if (q >= r.queries()) break;
          // What a row does not see must not reach it, not even as zero times infinity.
          if (first + at > static_cast<std::uint32_t>(p.where.position[r.row(q)])) continue;
          part[q][k] = fmaf(m.scores[q * attention_block + at], v, part[q][k]);
        }
      }
    }
  }

  TROUPE_KERNEL static void merge(const run_of_rows& r, const room& m,
                                  running (&state)[attention_queries],
                                  float (&total)[attention_queries][dims],
                                  const float (&part)[attention_queries][dims]) {
    TROUPE_UNROLL
    for (std::uint32_t q = 0; q < attention_queries; ++q) {
      if (q >= r.queries()) break;
      state[q] = merged(state[q], m.most[q], m.sum[q]);
      TROUPE_UNROLL
      for (std::uint32_t k = 0; k < dims; ++k)
        total[q][k] = fmaf(total[q][k], state[q].keep, part[q][k] * state[q].take);
    }
  }

  template <class Thread>
  TROUPE_KERNEL static void write_partials(Thread& t, const params& w, const run_of_rows& r,
                                           const room& m, std::uint32_t block,
                                           const float (&part)[attention_queries][dims]) {
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
        if (d < dim) to[d] = part[q][k];
      }
      if (t.thread() == 0) to[dim] = m.most[q];
      if (t.thread() == 0) to[dim + 1] = m.sum[q];
    }
  }
};

/// Grid: rows, heads. Merges what thread blocks that shared a row left behind.
struct attention_merge_kernel {
  using params = attention_work;
  static constexpr std::uint32_t threads = attention_kernel::threads;

  template <class Thread>
  TROUPE_KERNEL static void run(Thread& t, const params& w) {
    if (!is_shared(w, t.x())) return;
    const std::uint32_t dim = w.p.cache.head_dim;
    const std::uint32_t blocks =
        blocks_before(static_cast<std::uint32_t>(w.p.where.position[t.x()]) + 1);
    float* out = w.p.out.f32 + (std::size_t{t.x()} * w.p.heads + t.y()) * dim;
    for (std::uint32_t d = t.thread(); d < dim; d += threads) {
      running state;
      float total = 0;
      for (std::uint32_t b = 0; b < blocks; ++b) {
        const float* part = partial_at(w, t.x(), b, t.y());
        state = merged(state, part[dim], part[dim + 1]);
        total = fmaf(total, state.keep, part[d] * state.take);
      }
      out[d] = total / state.sum;
    }
  }
};

}  // namespace troupe::kernels::cuda
