#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/api/matrix.hpp"
#include "kernels/cuda/body/reduce.hpp"
#include "kernels/cuda/body/weight_runs.hpp"

// Matrix products on tensor cores: y = x W^T in tiles, x and W rounded to BF16 (FP8 is exact in it,
// its block scales are applied to the sums of 64 columns of K), sums in float32. K runs from 0 in
// steps of 16, whatever the number of rows and the tile's shape, and no two thread blocks share a
// K: a row's bits depend on that row and on W.
//
// While a tile's step along K is multiplied, the weights of the next are on their way to registers.
namespace troupe::kernels::cuda {

/// Edge of the tile that a warp multiplies at a time.
inline constexpr std::uint32_t fragment_edge = 16;
/// Columns of K between two of FP8's scales, at most.
inline constexpr std::uint32_t scaled_depth = 64;

/// The shape of a block's tile of W. Few rows wait for weights alone: many narrow blocks, each with
/// much on its way. Many rows are to meet each weight that was read.
template <std::uint32_t RowTiles, std::uint32_t Matrices>
struct tile_shape {
  static constexpr bool few = RowTiles == 1;
  static constexpr std::uint32_t rows = RowTiles * fragment_edge;
  static constexpr std::uint32_t columns = few ? 32 : 64;
  static constexpr std::uint32_t depth = few ? 256 / Matrices : 64;  ///< of a step along K
  static constexpr std::uint32_t threads = columns / fragment_edge * warp_size;
  /// Elements from a row of a tile to the next: rows begin in different banks.
  static constexpr std::uint32_t stride = depth + 8;
  static constexpr std::uint32_t output_stride = columns + 4;
  static constexpr std::uint32_t shared_bytes =
      (rows + Matrices * columns) * stride * sizeof(std::uint16_t) +
      Matrices * rows * output_stride * sizeof(float);
};

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

/// Products of `RowTiles` * 16 rows with a tile's columns of `Matrices` weight matrices of one
/// shape.
template <std::uint32_t RowTiles, std::uint32_t Matrices>
struct tile_product {
  using shape = tile_shape<RowTiles, Matrices>;

  /// The results in shared memory, complete for every thread: element (matrix, row, column) at
  /// (matrix * rows + row) * output_stride + column.
  template <class Thread>
  TROUPE_KERNEL static const float* run(Thread& t, const float* x, const tile_rows_of& which,
                                        const matrix* const (&w)[Matrices], std::uint32_t column) {
    switch (Matrices == 1 || w[0]->type == w[Matrices - 1]->type ? w[0]->type : dtype::f32) {
      case dtype::bf16:
        return run_as<bf16_weights>(t, x, which, w, column);
      case dtype::f8_e4m3:
        return run_as<f8_weights>(t, x, which, w, column);
      case dtype::q8_0:
        return run_as<q8_0_weights>(t, x, which, w, column);
      case dtype::q4_0:
        return run_as<q4_weights<true>>(t, x, which, w, column);
      case dtype::q4_1:
        return run_as<q4_weights<false>>(t, x, which, w, column);
      default:
        return run_as<any_weights>(t, x, which, w, column);
    }
  }

 private:
  /// Runs of a matrix that one thread brings for a step.
  static constexpr std::uint32_t runs_of_row = shape::depth / weight_run;
  static constexpr std::uint32_t runs = shape::columns * runs_of_row / shape::threads;
  static_assert(runs * shape::threads == shape::columns * runs_of_row);
  /// Runs of x, likewise.
  static constexpr std::uint32_t row_runs = shape::rows * runs_of_row / shape::threads;
  /// So many of them wait together for memory.
  static constexpr std::uint32_t lines_at_once = 4;
  static_assert(row_runs % lines_at_once == 0);

  template <class Weights, class Thread>
  TROUPE_KERNEL static const float* run_as(Thread& t, const float* x, const tile_rows_of& which,
                                           const matrix* const (&w)[Matrices],
                                           std::uint32_t column) {
    auto* a = t.template shared<std::uint16_t>();
    std::uint16_t* b = a + shape::rows * shape::stride;
    auto* out = reinterpret_cast<float*>(b + Matrices * shape::columns * shape::stride);
    // At hand: what lies in memory is read again behind every barrier.
    matrix held[Matrices];
    TROUPE_UNROLL
    for (std::uint32_t i = 0; i < Matrices; ++i) held[i] = *w[i];
    const std::uint32_t cols = held[0].cols;
    typename Thread::fragment sums[Matrices][RowTiles];
    typename Weights::raw next[Matrices][runs];
    std::uint32_t lines[row_runs];
    find_lines(t, which, lines);
    TROUPE_UNROLL
    for (std::uint32_t i = 0; i < Matrices; ++i) fetch<Weights>(t, held[i], column, 0, next[i]);
    for (std::uint32_t k = 0; k < cols; k += shape::depth) {
      t.sync();
      bring_rows(t, x, lines, which.count, cols, k, a);
      TROUPE_UNROLL
      for (std::uint32_t i = 0; i < Matrices; ++i)
        put<Weights>(t, next[i], k, b + i * shape::columns * shape::stride);
      t.sync();
      if (k + shape::depth < cols) {
        TROUPE_UNROLL
        for (std::uint32_t i = 0; i < Matrices; ++i)
          fetch<Weights>(t, held[i], column, k + shape::depth, next[i]);
      }
      for (std::uint32_t in = 0; in < shape::depth && k + in < cols; in += scaled_depth) {
        TROUPE_UNROLL
        for (std::uint32_t i = 0; i < Matrices; ++i) {
          const std::uint16_t* columns =
              b + (i * shape::columns + t.warp() * fragment_edge) * shape::stride + in;
          if (Weights::scaled(held[i])) {
            typename Thread::fragment parts[RowTiles];
            multiply_step(t, parts, a + in, columns);
            const float scale = block_scale(held[i], column, k + in);
            TROUPE_UNROLL
            for (std::uint32_t r = 0; r < RowTiles; ++r) t.add_scaled(sums[i][r], parts[r], scale);
          } else {
            multiply_step(t, sums[i], a + in, columns);
          }
        }
      }
    }
    t.sync();
    TROUPE_UNROLL
    for (std::uint32_t i = 0; i < Matrices; ++i) {
      TROUPE_UNROLL
      for (std::uint32_t r = 0; r < RowTiles; ++r)
        t.store(out + (i * shape::rows + r * fragment_edge) * shape::output_stride +
                    t.warp() * fragment_edge,
                shape::output_stride, sums[i][r]);
    }
    t.sync();
    return out;
  }

  /// Each row tile's sums of `scaled_depth` columns of K.
  template <class Thread>
  TROUPE_KERNEL static void multiply_step(Thread& t, typename Thread::fragment (&into)[RowTiles],
                                          const std::uint16_t* lines,
                                          const std::uint16_t* columns) {
    TROUPE_UNROLL
    for (std::uint32_t k = 0; k < scaled_depth; k += fragment_edge) {
      const auto right = t.load_right(columns + k, shape::stride);
      TROUPE_UNROLL
      for (std::uint32_t r = 0; r < RowTiles; ++r) {
        const auto left = t.load_left(lines + r * fragment_edge * shape::stride + k, shape::stride);
        t.multiply(into[r], left, right);
      }
    }
  }

  /// Whose runs of x one thread brings for each step.
  template <class Thread>
  TROUPE_KERNEL static void find_lines(Thread& t, const tile_rows_of& which,
                                       std::uint32_t (&lines)[row_runs]) {
    TROUPE_UNROLL
    for (std::uint32_t j = 0; j < row_runs; ++j) {
      const std::uint32_t r = (t.thread() + j * shape::threads) / runs_of_row;
      lines[j] = r < which.count ? which.row(r) : 0;
    }
  }

  /// Rows of x for a step, as BF16. Rows that are not there are zeros from the first step on.
  template <class Thread>
  TROUPE_KERNEL static void bring_rows(Thread& t, const float* x,
                                       const std::uint32_t (&lines)[row_runs], std::uint32_t count,
                                       std::uint32_t cols, std::uint32_t k, std::uint16_t* a) {
    const auto each = [&](const auto& read) {
      TROUPE_UNROLL
      for (std::uint32_t first = 0; first < row_runs; first += lines_at_once) {
        float_run got[lines_at_once];
        TROUPE_UNROLL
        for (std::uint32_t j = 0; j < lines_at_once; ++j) {
          const std::uint32_t i = t.thread() + (first + j) * shape::threads;
          const std::uint32_t at = k + i % runs_of_row * weight_run;
          got[j] = read(x + std::size_t{lines[first + j]} * cols + at, at,
                        i / runs_of_row < count && at < cols);
        }
        TROUPE_UNROLL
        for (std::uint32_t j = 0; j < lines_at_once; ++j) {
          const std::uint32_t i = t.thread() + (first + j) * shape::threads;
          if (i / runs_of_row < count || k == 0)
            store_shared(a + i / runs_of_row * shape::stride + i % runs_of_row * weight_run,
                         rounded(got[j]));
        }
      }
    };
    if (cols % weight_run == 0 && is_aligned(x, 16)) {
      each([](const float* from, std::uint32_t, bool there) { return load_run(from, there); });
    } else {
      each([cols](const float* from, std::uint32_t at, bool there) {
        return there ? read_floats(from, least(weight_run, cols - at)) : float_run();
      });
    }
  }

  template <class Weights, class Thread>
  TROUPE_KERNEL static void fetch(Thread& t, const matrix& w, std::uint32_t column, std::uint32_t k,
                                  typename Weights::raw (&into)[runs]) {
    const auto each = [&](const auto& read) {
      TROUPE_UNROLL
      for (std::uint32_t j = 0; j < runs; ++j) {
        const std::uint32_t i = t.thread() + j * shape::threads;
        const std::uint32_t n = column + i / runs_of_row;
        const std::uint32_t at = k + i % runs_of_row * weight_run;
        into[j] = read(n, at, n < w.rows && at < w.cols);
      }
    };
    if (Weights::wide(w)) {
      each([&](std::uint32_t n, std::uint32_t at, bool there) {
        return Weights::fetch(w, n, at, there);
      });
    } else {
      each([&](std::uint32_t n, std::uint32_t at, bool there) {
        return there ? Weights::fetch_part(w, n, at, least(weight_run, w.cols - at))
                     : typename Weights::raw();
      });
    }
  }

  template <class Weights, class Thread>
  TROUPE_KERNEL static void put(Thread& t, const typename Weights::raw (&from)[runs],
                                std::uint32_t k, std::uint16_t* b) {
    TROUPE_UNROLL
    for (std::uint32_t j = 0; j < runs; ++j) {
      const std::uint32_t i = t.thread() + j * shape::threads;
      const std::uint32_t in = i % runs_of_row * weight_run;
      store_shared(b + i / runs_of_row * shape::stride + in, Weights::unpack(from[j], k + in));
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
