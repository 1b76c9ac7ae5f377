#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/attention.cpp"
#include "hwy/foreach_target.h"  // IWYU pragma: keep
//
#include <algorithm>
#include <atomic>

#include "kernels/api/attention.hpp"
#include "kernels/cpu/attention_plan.hpp"
#include "kernels/cpu/bodies.hpp"
#include "kernels/cpu/simd/block_product-inl.hpp"
#include "kernels/cpu/simd/quantise-inl.hpp"
#include "kernels/cpu/simd/softmax-inl.hpp"

// A tile's rows and the query heads of one KV head, its query vectors, meet each block of keys and
// values together. A block's scores are one product, its weighted values another; between them lies
// a softmax of the block alone. A block's partial thus depends on that block and one query vector:
// blocks may be visited by one thread or by many, and merging them in ascending order gives the
// same bits.

HWY_BEFORE_NAMESPACE();
namespace troupe::kernels::cpu::HWY_NAMESPACE {
namespace {

/// One block of one KV head: where its keys and values lie. Behind the last of either stands what
/// is read after it: values after keys, and the next block's keys after values.
struct block_rows {
  const std::byte* keys[attention_block / key_strip + fetch_strips];
  const std::byte* values[attention_block + fetch_rows];
};

/// The query vectors of one tile and KV head, a row's heads side by side.
struct queries {
  const float* q;  // [count, head_dim], times scale and log2(e)
  std::uint32_t count;
  std::uint32_t group;     // heads of a row
  std::uint32_t position;  // of the first row

  [[nodiscard]] std::uint32_t position_of(std::uint32_t m) const { return position + m / group; }
  /// The first that sees `at`.
  [[nodiscard]] std::uint32_t first_to_see(std::uint32_t at) const {
    return at <= position ? 0 : (at - position) * group;
  }
};

/// A worker's scratch, divided (see attention_plan.cpp).
struct room {
  float* q;
  float* scores;
  float* totals;
  float* block;
  float* panel;
  float* results;

  room(const attention_work& work, std::size_t count, std::byte* scratch) {
    const auto take = [&](std::size_t floats) {
      auto* part = reinterpret_cast<float*>(scratch);
      scratch += (floats * sizeof(float) + 63) / 64 * 64;
      return part;
    };
    const std::uint32_t dim = work.p.cache.head_dim;
    q = take(count * dim);
    scores = take(count * attention_block);
    totals = take(partial_floats(count, dim));
    block = take(partial_floats(count, dim));
    panel = take(attention_panel_floats);
    results = take(work.kv_heads_per_unit * count * dim);
  }
};

/// Finds the block from position `base` of a sequence of `end` positions; returns how many it has.
template <class Cache>
std::uint32_t locate(const kv_layer& c, const std::int32_t* pages, std::uint32_t head,
                     std::uint32_t base, std::uint32_t end, block_rows& out) {
  const std::size_t row = c.head_dim * Cache::bytes;
  const std::uint32_t count = std::min(attention_block, end - base);
  const auto page_at = [&](std::uint32_t position) {
    return static_cast<std::size_t>(pages[position / c.page_size]);
  };
  for (std::uint32_t at = 0; at < count; at += c.page_size) {
    const std::size_t page = page_at(base + at);
    const std::byte* keys = c.keys + c.key_at(page, head, 0) * Cache::bytes;
    const std::byte* values = c.values + c.value_at(page, head, 0) * Cache::bytes;
    for (std::uint32_t i = 0; i < c.page_size; i += key_strip)
      out.keys[(at + i) / key_strip] = keys + i * row;
    for (std::uint32_t i = 0; i < c.page_size; ++i) out.values[at + i] = values + i * row;
  }
  // A strip of keys takes as much room as 16 rows of values.
  const std::uint32_t strips = (count + key_strip - 1) / key_strip;
  for (std::uint32_t i = 0; i < fetch_strips; ++i)
    out.keys[strips + i] = out.values[i < strips ? i * key_strip : 0];
  for (std::uint32_t i = 0; i < fetch_rows; ++i) {
    const std::uint32_t next = base + count + i;
    out.values[count + i] =
        next < end ? c.keys + c.value_at(page_at(next), head, next % c.page_size) * Cache::bytes
                   : out.values[count - 1];
  }
  return count;
}

/// The block from position `base` of one KV head, for the query vectors that see any of it. Returns
/// the first of those.
template <class Cache>
std::uint32_t attend_block(const kv_layer& c, const std::int32_t* pages, std::uint32_t head,
                           const queries& m, std::uint32_t base, const partial& out,
                           const room& r) {
  const auto seen_by = [&](std::uint32_t i) {
    return std::min(attention_block, m.position_of(i) + 1 - base);
  };
  const std::uint32_t first = m.first_to_see(base);
  block_rows rows;
  const std::uint32_t positions =
      locate<Cache>(c, pages, head, base, m.position_of(m.count - 1) + 1, rows);
  const key_block<Cache> keys{rows.keys};
  const value_block<Cache> values{rows.values, c.head_dim};
  const operands score{m.q, c.head_dim, r.scores, attention_block};
  const operands weigh{r.scores, attention_block, out.values, out.width};
  const std::uint32_t strips = (positions + strip - 1) / strip;
  const std::size_t value_strips = out.width / strip;
  const bool few = m.count - first <= most_rows && out.width == c.head_dim;

  if (few) {
    multiply_in_place(score, first, m.count, keys, strips, c.head_dim);
  } else {
    multiply_panels<panel_strips>(
        score, m.count, keys, 0, strips, c.head_dim,
        [&](std::size_t s, std::uint32_t) {
          return std::max(first, m.first_to_see(base + static_cast<std::uint32_t>(s * strip)));
        },
        [&](std::uint32_t) { return c.head_dim; }, r.panel);
  }
  for (std::uint32_t i = first; i < m.count; ++i)
    soften(r.scores + std::size_t{i} * attention_block, seen_by(i), strips * key_strip, out.max[i],
           out.sum[i]);
  if (few) {
    multiply_in_place(weigh, first, m.count, values, value_strips, positions);
  } else {
    multiply_panels<panel_strips>(
        weigh, m.count, values, 0, value_strips, positions,
        [&](std::size_t, std::uint32_t term) {
          return std::max(first, m.first_to_see(base + term));
        },
        seen_by, r.panel);
  }
  return first;
}

/// One unit of the work: a tile, or a block of it, and a run of KV heads.
class unit {
 public:
  unit(const attention_work& work, const attention_tile& tile, std::uint32_t run, room r)
      : work_(work),
        c_(work.p.cache),
        tile_(tile),
        first_head_(run * work.kv_heads_per_unit),
        run_(run),
        count_(tile.rows * work.group()),
        width_(whole_vectors(c_.head_dim)),
        room_(r) {}

  /// All blocks, one after another.
  void attend_all() {
    const partial total = partial::at(room_.totals, count_, width_);
    const partial one = partial::at(room_.block, count_, width_);
    for (std::uint32_t h = 0; h < work_.kv_heads_per_unit; ++h) {
      const queries m = load_queries(h);
      attend(m, h, 0, total);
      for (std::uint32_t b = 1; b < tile_.blocks; ++b)
        add_partial(total, one, attend(m, h, b, one), count_);
      keep(total, h);
    }
    write();
  }

  /// One block; who finishes the tile's last merges them.
  void attend_one(std::uint32_t b) {
    for (std::uint32_t h = 0; h < work_.kv_heads_per_unit; ++h)
      (void)attend(load_queries(h), h, b, shared_partial(b, h));
    std::atomic_ref<std::uint32_t> counter(
        reinterpret_cast<std::uint32_t*>(work_.p.workspace)[tile_.counter + run_]);
    if (counter.fetch_add(1) + 1 < tile_.blocks) return;
    counter.store(0);
    for (std::uint32_t h = 0; h < work_.kv_heads_per_unit; ++h) {
      const queries m{nullptr, count_, work_.group(), tile_.position};
      const partial total = shared_partial(0, h);
      for (std::uint32_t i = 1; i < tile_.blocks; ++i)
        add_partial(total, shared_partial(i, h), m.first_to_see(i * attention_block), count_);
      keep(total, h);
    }
    write();
  }

 private:
  /// Query vectors of the run's KV head `h`, gathered and scaled.
  queries load_queries(std::uint32_t h) const {
    const float_tag d;
    const attention_params& p = work_.p;
    const std::size_t dim = c_.head_dim;
    const std::uint32_t group = work_.group();
    const float scale = p.scale * 1.44269504F;
    const std::size_t stride = (p.heads + std::size_t{2} * c_.kv_heads) * dim;
    const float* from = p.qkv + tile_.row * stride + (first_head_ + h) * group * dim;
    float* to = room_.q;
    for (std::uint32_t r = 0; r < tile_.rows; ++r, from += stride, to += group * dim) {
      std::size_t i = 0;
      for (; i + lanes <= group * dim; i += lanes)
        hn::StoreU(hn::Mul(hn::LoadU(d, from + i), hn::Set(d, scale)), d, to + i);
      for (; i < group * dim; ++i) to[i] = from[i] * scale;
    }
    return {room_.q, count_, group, tile_.position};
  }

  std::uint32_t attend(const queries& m, std::uint32_t h, std::uint32_t b,
                       const partial& out) const {
    const std::uint32_t base = b * attention_block;
    const std::int32_t* pages = work_.p.where.page_tables[work_.p.where.sequence[tile_.row]];
    return c_.type == kv_type::f16
               ? attend_block<f16_cache>(c_, pages, first_head_ + h, m, base, out, room_)
               : attend_block<f32_cache>(c_, pages, first_head_ + h, m, base, out, room_);
  }

  [[nodiscard]] partial shared_partial(std::uint32_t b, std::uint32_t h) const {
    auto* partials =
        reinterpret_cast<float*>(work_.p.workspace + attention_counters * sizeof(std::uint32_t));
    const std::size_t index = (std::size_t{run_} * tile_.blocks + b) * work_.kv_heads_per_unit + h;
    return partial::at(partials + tile_.partials + index * partial_floats(count_, c_.head_dim),
                       count_, width_);
  }

  /// Floats of a row that this unit computes.
  [[nodiscard]] std::uint32_t run_width() const {
    return work_.kv_heads_per_unit * work_.group() * c_.head_dim;
  }

  /// Puts the results of the run's KV head `h` into the rows that write() writes.
  void keep(const partial& total, std::uint32_t h) const {
    const std::uint32_t group = work_.group();
    float* to = room_.results + std::size_t{h} * group * c_.head_dim;
    for (std::uint32_t m = 0; m < count_; m += group, to += run_width())
      divide(total, m, m + group, c_.head_dim, to);
  }

  void write() const {
    const activation& out = work_.p.out;
    const std::uint32_t cols = work_.p.heads * c_.head_dim;
    const std::uint32_t width = run_width();
    const std::uint32_t first = run_ * width;
    const float* from = room_.results;
    for (std::size_t r = tile_.row; r < tile_.row + tile_.rows; ++r, from += width) {
      if (out.f32 != nullptr) std::memcpy(out.f32 + r * cols + first, from, width * sizeof(float));
      if (out.q8 != nullptr)
        quantise_blocks(from, first / q8_group, width / q8_group, out.q8 + r * q8_row_bytes(cols));
    }
  }

  const attention_work& work_;
  const kv_layer& c_;
  attention_tile tile_;
  std::uint32_t first_head_;
  std::uint32_t run_;
  std::uint32_t count_;
  std::uint32_t width_;
  room room_;
};

void attention_items(const void* params, std::uint32_t begin, std::uint32_t end, const worker& w) {
  const auto& work = *static_cast<const attention_work*>(params);
  // Backwards, as a prompt's last rows see most: threads then finish together.
  std::uint32_t at = work.units - end;
  const std::uint32_t last = work.units - begin;
  attention_tiles tiles(work);
  std::uint32_t tile_at = 0;
  for (attention_tile t = tiles.next(); t.rows > 0 && at < last; t = tiles.next()) {
    const std::uint32_t units = t.units(work.runs());
    const room r(work, std::size_t{t.rows} * work.group(), w.scratch);
    for (; at < last && at < tile_at + units; ++at) {
      const std::uint32_t inside = at - tile_at;
      if (t.shared)
        unit(work, t, inside / t.blocks, r).attend_one(inside % t.blocks);
      else
        unit(work, t, inside, r).attend_all();
    }
    tile_at += units;
  }
}

}  // namespace
}  // namespace troupe::kernels::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace troupe::kernels::cpu {
HWY_EXPORT(attention_items);
task::body_fn attention_body() { return &HWY_DYNAMIC_DISPATCH(attention_items); }
}  // namespace troupe::kernels::cpu
#endif
