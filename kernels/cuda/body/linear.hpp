#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/api/experts.hpp"
#include "kernels/api/linear.hpp"
#include "kernels/cuda/body/product.hpp"

// What is made of tile products: dense layers and experts.
namespace troupe::kernels::cuda {

/// Products of the same rows that are submitted as one: a part's blocks come after those of the
/// parts before it.
struct linear_work {
  static constexpr std::uint32_t most = projections_params::most;
  linear_params part[most];
  std::uint32_t parts = 0;
};

/// Grid: tiles of columns of all parts, tiles of rows.
template <std::uint32_t RowTiles>
struct linear_kernel {
  using params = linear_work;
  using product = tile_product<RowTiles, 1>;
  using shape = typename product::shape;
  static constexpr std::uint32_t threads = shape::threads;

  template <class Thread>
  TROUPE_KERNEL static void run(Thread& t, const params& work) {
    std::uint32_t tile = t.x();
    std::uint32_t i = 0;
    for (; i + 1 < work.parts; ++i) {
      const std::uint32_t tiles = ceil_divide(work.part[i].w.rows, shape::columns);
      if (tile < tiles) break;
      tile -= tiles;
    }
    compute(t, work.part[i], tile * shape::columns);
  }

 private:
  template <class Thread>
  TROUPE_KERNEL static void compute(Thread& t, const linear_params& p, std::uint32_t column) {
    const std::uint32_t first = t.y() * shape::rows;
    const tile_rows_of which{nullptr, first, least(shape::rows, p.rows - first), 1};
    const matrix* const w[] = {&p.w};
    const float* out = product::run(t, p.x.f32, which, w, column);
    for (std::uint32_t i = t.thread(); i < which.count * shape::columns; i += threads) {
      const std::uint32_t n = column + i % shape::columns;
      if (n >= p.w.rows) continue;
      const std::uint32_t r = i / shape::columns;
      const std::size_t at = std::size_t{first + r} * p.y_stride + n;
      float y = out[r * shape::output_stride + i % shape::columns];
      if (p.bias != nullptr) y += p.bias[n];
      if (p.residual != nullptr) y += p.residual[at];
      p.y[at] = y;
    }
  }
};

/// The same in float32 throughout, for weights that BF16 would round: a warp a column, in blocks of
/// eight rows. Grid: columns by four, rows by eight.
struct linear_f32_kernel {
  using params = linear_params;
  static constexpr std::uint32_t threads = 128;
  static constexpr std::uint32_t columns = threads / warp_size;
  static constexpr std::uint32_t rows = 8;

  template <class Thread>
  TROUPE_KERNEL static void run(Thread& t, const params& p) {
    const std::uint32_t n = t.x() * columns + t.warp();
    const std::uint32_t first = t.y() * rows;
    const std::uint32_t count = least(rows, p.rows - first);
    if (n >= p.w.rows) return;
    float sums[rows] = {};
    for (std::uint32_t k = t.lane() * weight_run; k < p.w.cols; k += warp_size * weight_run) {
      float w[weight_run];
      const std::uint32_t here = least(weight_run, p.w.cols - k);
      read_weights(p.w, n, k, here, w);
      for (std::uint32_t e = 0; e < here; ++e) {
        TROUPE_UNROLL
        for (std::uint32_t r = 0; r < rows; ++r)
          if (r < count)
            sums[r] = fmaf(p.x.f32[std::size_t{first + r} * p.w.cols + k + e], w[e], sums[r]);
      }
    }
    TROUPE_UNROLL
    for (std::uint32_t r = 0; r < rows; ++r) {
      float y = warp_sum(t, sums[r]);
      if (t.lane() != 0 || r >= count) continue;
      const std::size_t at = std::size_t{first + r} * p.y_stride + n;
      if (p.bias != nullptr) y += p.bias[n];
      if (p.residual != nullptr) y += p.residual[at];
      p.y[at] = y;
    }
  }
};

/// Grid: tiles of columns, tiles of slots (as many as there may be).
template <std::uint32_t RowTiles>
struct expert_up_kernel {
  using params = expert_up_params;
  using product = tile_product<RowTiles, 2>;
  using shape = typename product::shape;
  static constexpr std::uint32_t threads = shape::threads;

  template <class Thread>
  TROUPE_KERNEL static void run(Thread& t, const params& p) {
    auto* room = t.template shared<std::uint32_t>();
    const expert_tile tile = find_tile(t, p.offsets, p.expert_count, shape::rows, t.y(), room);
    if (tile.count == 0) return;
    const expert_weights& e = p.experts[tile.expert];
    const std::uint32_t column = t.x() * shape::columns;
    if (column >= e.gate.rows) return;
    const tile_rows_of which{p.slots, tile.first, tile.count, p.top_k};
    const matrix* const w[] = {&e.gate, &e.up};
    const float* out = product::run(t, p.x.f32, which, w, column);
    const float* up = out + shape::rows * shape::output_stride;
    for (std::uint32_t i = t.thread(); i < which.count * shape::columns; i += threads) {
      const std::uint32_t n = column + i % shape::columns;
      if (n >= e.gate.rows) continue;
      const std::uint32_t at = i / shape::columns * shape::output_stride + i % shape::columns;
      p.hidden.f32[std::size_t{which.slot(i / shape::columns)} * e.gate.rows + n] =
          silu(out[at]) * up[at];
    }
  }
};

/// Grid as expert_up_kernel's.
template <std::uint32_t RowTiles>
struct expert_down_kernel {
  using params = expert_down_params;
  using product = tile_product<RowTiles, 1>;
  using shape = typename product::shape;
  static constexpr std::uint32_t threads = shape::threads;

  template <class Thread>
  TROUPE_KERNEL static void run(Thread& t, const params& p) {
    auto* room = t.template shared<std::uint32_t>();
    const expert_tile tile = find_tile(t, p.offsets, p.expert_count, shape::rows, t.y(), room);
    if (tile.count == 0) return;
    const matrix& down = p.experts[tile.expert].down;
    const std::uint32_t column = t.x() * shape::columns;
    if (column >= down.rows) return;
    const tile_rows_of which{p.slots, tile.first, tile.count, 1};
    const matrix* const w[] = {&down};
    const float* out = product::run(t, p.hidden.f32, which, w, column);
    for (std::uint32_t i = t.thread(); i < which.count * shape::columns; i += threads) {
      const std::uint32_t n = column + i % shape::columns;
      if (n >= down.rows) continue;
      p.out[which.slot(i / shape::columns) * p.stride_of(down) + n] =
          out[i / shape::columns * shape::output_stride + i % shape::columns];
    }
  }
};

}  // namespace troupe::kernels::cuda
