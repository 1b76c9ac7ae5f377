#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/experts.cpp"
#include "hwy/foreach_target.h"  // IWYU pragma: keep
//
#include <algorithm>

#include "kernels/cpu/bodies.hpp"
#include "kernels/cpu/simd/math-inl.hpp"
#include "kernels/cpu/simd/product-inl.hpp"
#include "kernels/cpu/simd/quantise-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace troupe::kernels::cpu::HWY_NAMESPACE {
namespace {

/// Rows of `x` as products read them: integers where the weight suits, else float32.
struct row_source {
  const std::byte* first;
  std::size_t bytes;
  bool q8;

  row_source(const activation& x, const matrix& w)
      : first(x.f32 == nullptr ? nullptr : reinterpret_cast<const std::byte*>(x.f32)),
        bytes(w.cols * sizeof(float)),
        q8(x.q8 != nullptr && is_integer_quantised(w.type)) {
    if (!q8) return;
    first = x.q8;
    bytes = q8_row_bytes(w.cols);
  }
  [[nodiscard]] const std::byte* row(std::size_t r) const { return first + bytes * r; }
};

/// Both tiles of 16 columns of gate and up that make one item of 32 columns.
struct up_tiles {
  tile gate[2];
  tile up[2];
  std::uint32_t used;
};

void prepare_up(up_tiles& t, const expert_weights& e, std::uint32_t first, bool gate_q8, bool up_q8,
                std::uint32_t rows, const worker& w) {
  // One product at a time, so all tiles share the spare room.
  const std::size_t share = w.scratch_bytes / 4;
  const tile_plan gate = plan_tiles(e.gate, gate_q8, rows, share);
  const tile_plan up = plan_tiles(e.up, up_q8, rows, share);
  auto* spare = reinterpret_cast<float*>(w.scratch);
  std::byte* store = w.scratch + std::max(gate.spare_bytes, up.spare_bytes);
  t.used = e.gate.rows - first > tile_rows ? 2 : 1;
  for (std::uint32_t i = 0; i < t.used; ++i) {
    const std::uint32_t n = first + i * tile_rows;
    prepare(t.gate[i], e.gate, n, gate, store, spare);
    store += gate.store_bytes;
    prepare(t.up[i], e.up, n, up, store, spare);
    store += up.store_bytes;
  }
}

/// silu(gate) * up for `count` rows, 32 columns each, into out[r * 32].
void gated(const up_tiles& t, const std::byte* const* gate_rows, const std::byte* const* up_rows,
           std::uint32_t count, float* out) {
  const float_tag d;
  alignas(64) float gate[multiply_rows * tile_rows];
  alignas(64) float up[multiply_rows * tile_rows];
  for (std::uint32_t half = 0; half < t.used; ++half) {
    if (t.gate[half].q8 == t.up[half].q8) {
      multiply_two(t.gate[half], t.up[half], gate_rows, count, gate, up);
    } else {
      multiply(t.gate[half], gate_rows, count, gate);
      multiply(t.up[half], up_rows, count, up);
    }
    for (std::uint32_t r = 0; r < count; ++r) {
      for (std::size_t i = 0; i < tile_rows; i += lanes) {
        const std::size_t at = r * tile_rows + i;
        const floats v = hn::Mul(silu(hn::Load(d, gate + at)), hn::Load(d, up + at));
        hn::StoreU(v, d, out + std::size_t{r} * up_columns + half * tile_rows + i);
      }
    }
  }
}

/// One item: an expert's rows, 32 columns of `hidden`.
void up_item(const expert_up_params& p, std::uint32_t expert, std::uint32_t first,
             const worker& w) {
  const std::uint32_t from = p.offsets[expert];
  const std::uint32_t to = p.offsets[expert + 1];
  if (from == to) return;
  const expert_weights& e = p.experts[expert];
  const row_source gate_x(p.x, e.gate);
  const row_source up_x(p.x, e.up);
  up_tiles t;
  prepare_up(t, e, first, gate_x.q8, up_x.q8, to - from, w);
  const std::uint32_t inner = e.gate.rows;
  const std::uint32_t count = inner - first < up_columns ? inner - first : up_columns;
  alignas(64) float values[multiply_rows * up_columns];
  for (std::uint32_t s = from; s < to; s += multiply_rows) {
    const std::uint32_t rows = to - s < multiply_rows ? to - s : multiply_rows;
    const std::byte* gate_rows[multiply_rows];
    const std::byte* up_rows[multiply_rows];
    for (std::uint32_t i = 0; i < rows; ++i) {
      gate_rows[i] = gate_x.row(p.slots[s + i] / p.top_k);
      up_rows[i] = up_x.row(p.slots[s + i] / p.top_k);
    }
    gated(t, gate_rows, up_rows, rows, values);
    for (std::uint32_t i = 0; i < rows; ++i) {
      const float* row = values + std::size_t{i} * up_columns;
      const std::size_t slot = p.slots[s + i];
      if (p.hidden.f32 != nullptr)
        std::memcpy(p.hidden.f32 + slot * inner + first, row, count * sizeof(float));
      if (p.hidden.q8 != nullptr)
        quantise_blocks(row, first / q8_group, 1, p.hidden.q8 + slot * q8_row_bytes(inner));
    }
  }
}

void up_items(const void* params, std::uint32_t begin, std::uint32_t end, const worker& w) {
  const auto& work = *static_cast<const expert_up_work*>(params);
  for (std::uint32_t i = begin; i < end; ++i)
    up_item(work.p, i / work.tiles, i % work.tiles * up_columns, w);
}

void down_item(const expert_down_params& p, std::uint32_t expert, std::uint32_t first,
               const worker& w) {
  const std::uint32_t from = p.offsets[expert];
  const std::uint32_t to = p.offsets[expert + 1];
  if (from == to) return;
  const matrix& down = p.experts[expert].down;
  const row_source x(p.hidden, down);
  const tile_plan plan = plan_tiles(down, x.q8, to - from, w.scratch_bytes / 2);
  std::byte* store = w.scratch + plan.spare_bytes;
  const std::uint32_t width = linear_columns(p.rows);
  const std::uint32_t tiles = width > tile_rows && down.rows - first > tile_rows ? 2 : 1;
  tile t[2];
  for (std::uint32_t i = 0; i < tiles; ++i)
    prepare(t[i], down, first + i * tile_rows, plan, store + i * plan.store_bytes,
            reinterpret_cast<float*>(w.scratch));
  alignas(64) float product[2][multiply_rows * tile_rows];
  for (std::uint32_t s = from; s < to; s += multiply_rows) {
    const std::uint32_t rows = to - s < multiply_rows ? to - s : multiply_rows;
    const std::byte* x_rows[multiply_rows];
    for (std::uint32_t i = 0; i < rows; ++i) x_rows[i] = x.row(p.slots[s + i]);
    if (tiles == 2)
      multiply_two(t[0], t[1], x_rows, rows, product[0], product[1]);
    else
      multiply(t[0], x_rows, rows, product[0]);
    for (std::uint32_t k = 0; k < tiles; ++k) {
      const std::uint32_t column = first + k * tile_rows;
      const std::uint32_t count = std::min(down.rows - column, std::uint32_t{tile_rows});
      for (std::uint32_t i = 0; i < rows; ++i)
        std::memcpy(p.out + p.slots[s + i] * p.stride_of(down) + column,
                    product[k] + std::size_t{i} * tile_rows, count * sizeof(float));
    }
  }
}

void down_items(const void* params, std::uint32_t begin, std::uint32_t end, const worker& w) {
  const auto& work = *static_cast<const expert_down_work*>(params);
  for (std::uint32_t i = begin; i < end; ++i)
    down_item(work.p, i / work.tiles, i % work.tiles * linear_columns(work.p.rows), w);
}

}  // namespace
}  // namespace troupe::kernels::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace troupe::kernels::cpu {
HWY_EXPORT(up_items);
HWY_EXPORT(down_items);
task::body_fn expert_up_body() { return &HWY_DYNAMIC_DISPATCH(up_items); }
task::body_fn expert_down_body() { return &HWY_DYNAMIC_DISPATCH(down_items); }
}  // namespace troupe::kernels::cpu
#endif
