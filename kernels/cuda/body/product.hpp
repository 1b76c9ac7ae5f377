#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/api/matrix.hpp"
#include "kernels/cuda/body/reduce.hpp"
#include "kernels/cuda/body/weights.hpp"

// Matrix products on tensor cores: y = x W^T in tiles of 64 columns, x and W rounded to BF16 (FP8
// is exact in it, its block scales are applied to the sums), sums in float32. K runs in steps of 64
// from 0, whatever the number of rows, and no two thread blocks share a K: a row's bits depend on
// that row and on W.
namespace troupe::kernels::cuda {

inline constexpr std::uint32_t product_columns = 64;
inline constexpr std::uint32_t product_depth = 64;
inline constexpr std::uint32_t product_threads = 128;
/// Edge of the tile that a warp multiplies at a time.
inline constexpr std::uint32_t fragment_edge = 16;
/// Elements from a row of a tile to the next: rows begin in different banks.
inline constexpr std::uint32_t tile_stride = product_depth + 8;
inline constexpr std::uint32_t output_stride = product_columns + 4;

/// Which rows of x a tile takes, and where its results go: row i of the tile is `slots[i]`, or
/// `first + i` where there are no slots.
struct tile_rows_of {
  const std::uint32_t* slots = nullptr;
  std::uint32_t first = 0;
  std::uint32_t count = 0;
  std::uint32_t divisor = 1;  ///< a slot's row of x is slot / divisor
  [[nodiscard]] TROUPE_KERNEL std::uint32_t slot(std::uint32_t i) const {
    return slots == nullptr ? first + i : slots[first + i];
  }
  [[nodiscard]] TROUPE_KERNEL std::uint32_t row(std::uint32_t i) const { return slot(i) / divisor; }
};

/// Products of `RowTiles` * 16 rows with 64 columns of `Matrices` weight matrices of one shape.
template <std::uint32_t RowTiles, std::uint32_t Matrices>
struct tile_product {
  static constexpr std::uint32_t rows = RowTiles * fragment_edge;
  static constexpr std::uint32_t shared_bytes =
      (rows + Matrices * product_columns) * tile_stride * sizeof(std::uint16_t) +
      Matrices * rows * output_stride * sizeof(float);

  /// The results in shared memory, complete for every thread: element (matrix, row, column) at
  /// (matrix * rows + row) * output_stride + column.
  template <class Thread>
  TROUPE_KERNEL static const float* run(Thread& t, const float* x, const tile_rows_of& which,
                                        const matrix* const (&w)[Matrices], std::uint32_t column) {
    using fragment = typename Thread::fragment;
    auto* a = t.template shared<std::uint16_t>();
    std::uint16_t* b = a + rows * tile_stride;
    auto* out = reinterpret_cast<float*>(b + Matrices * product_columns * tile_stride);
    const std::uint32_t cols = w[0]->cols;
    fragment sums[Matrices][RowTiles];
    for (std::uint32_t k = 0; k < cols; k += product_depth) {
      t.sync();
      load_rows(t, x, which, cols, k, a);
      for (std::uint32_t i = 0; i < Matrices; ++i)
        load_columns(t, *w[i], column, k, b + i * product_columns * tile_stride);
      t.sync();
      TROUPE_UNROLL
      for (std::uint32_t i = 0; i < Matrices; ++i) {
        const std::uint16_t* columns =
            b + (i * product_columns + t.warp() * fragment_edge) * tile_stride;
        const bool scaled = w[i]->type == dtype::f8_e4m3;
        const float scale = scaled ? block_scale(*w[i], column, k) : 1.0F;
        TROUPE_UNROLL
        for (std::uint32_t r = 0; r < RowTiles; ++r) {
          const std::uint16_t* lines = a + r * fragment_edge * tile_stride;
          if (scaled) {
            fragment part;
            multiply_step(t, part, lines, columns);
            t.add_scaled(sums[i][r], part, scale);
          } else {
            multiply_step(t, sums[i][r], lines, columns);
          }
        }
      }
    }
    t.sync();
    for (std::uint32_t i = 0; i < Matrices; ++i)
      for (std::uint32_t r = 0; r < RowTiles; ++r)
        t.store(out + (i * rows + r * fragment_edge) * output_stride + t.warp() * fragment_edge,
                output_stride, sums[i][r]);
    t.sync();
    return out;
  }

 private:
  template <class Thread, class Fragment>
  TROUPE_KERNEL static void multiply_step(Thread& t, Fragment& into, const std::uint16_t* lines,
                                          const std::uint16_t* columns) {
    TROUPE_UNROLL
    for (std::uint32_t k = 0; k < product_depth; k += fragment_edge)
      t.multiply(into, lines + k, columns + k, tile_stride);
  }

  template <class Thread>
  TROUPE_KERNEL static void load_rows(Thread& t, const float* x, const tile_rows_of& which,
                                      std::uint32_t cols, std::uint32_t k, std::uint16_t* a) {
    for (std::uint32_t i = t.thread(); i < rows * product_depth; i += product_threads) {
      const std::uint32_t r = i / product_depth;
      const std::uint32_t at = k + i % product_depth;
      const bool there = r < which.count && at < cols;
      a[r * tile_stride + i % product_depth] =
          there ? to_bf16(x[std::size_t{which.row(r)} * cols + at]) : std::uint16_t{0};
    }
  }

  template <class Thread>
  TROUPE_KERNEL static void load_columns(Thread& t, const matrix& w, std::uint32_t column,
                                         std::uint32_t k, std::uint16_t* b) {
    constexpr std::uint32_t runs = product_depth / weight_run;
    for (std::uint32_t i = t.thread(); i < product_columns * runs; i += product_threads) {
      const std::uint32_t n = column + i / runs;
      const std::uint32_t at = k + i % runs * weight_run;
      const std::uint32_t count = n < w.rows && at < w.cols ? least(weight_run, w.cols - at) : 0;
      float part[weight_run] = {};
      if (count > 0) read_weights(w, n, at, count, part);
      std::uint16_t* to = b + i / runs * tile_stride + i % runs * weight_run;
      TROUPE_UNROLL
      for (std::uint32_t e = 0; e < weight_run; ++e) to[e] = to_bf16(part[e]);
    }
  }
};

/// Which expert's rows the index-th tile of `rows` holds, counting through the experts in order;
/// none where there are fewer tiles. Every thread of the block calls it. `room` has
/// reduction_slots + 3 numbers.
struct expert_tile {
  std::uint32_t expert = 0, first = 0, count = 0;
};
template <class Thread>
TROUPE_KERNEL expert_tile find_tile(Thread& t, const std::uint32_t* offsets, std::uint32_t experts,
                                    std::uint32_t rows, std::uint32_t index, std::uint32_t* room) {
  std::uint32_t* found = room + reduction_slots;
  if (t.thread() == 0) found[2] = 0;
  t.sync();
  std::uint32_t before = 0;
  for (std::uint32_t from = 0; from < experts; from += t.threads()) {
    const std::uint32_t e = from + t.thread();
    const std::uint32_t slots = e < experts ? offsets[e + 1] - offsets[e] : 0;
    const std::uint32_t tiles = ceil_divide(slots, rows);
    const rank_in_block rank = block_rank(t, tiles, room);
    const std::uint32_t mine = before + rank.before;
    if (index >= mine && index < mine + tiles) {
      const std::uint32_t skipped = (index - mine) * rows;
      found[0] = e;
      found[1] = offsets[e] + skipped;
      found[2] = least(rows, slots - skipped);
    }
    before += rank.all;
    if (before > index) break;
  }
  t.sync();
  return {found[0], found[1], found[2]};
}

}  // namespace troupe::kernels::cuda
