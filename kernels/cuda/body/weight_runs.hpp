#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/api/matrix.hpp"
#include "kernels/cuda/body/memory.hpp"
#include "kernels/cuda/body/weights.hpp"

// Runs of eight weights on their way to tensor cores, in two steps, so that one can be on its way
// from memory while others are multiplied: fetch() reads what is stored, unpack() makes BF16 of it.
// Where a matrix is not wide(), because a run of it may be shorter or lie anywhere, fetch_part()
// reads `count` weights, 1 to 8. `col` is a multiple of 8. What is not there comes as zeros.
namespace troupe::kernels::cuda {

/// A run as products want it.
using bf16_run = words<4>;

/// Eight floats: activations, or weights before they are rounded.
struct float_run {
  float at[weight_run] = {};
};
[[nodiscard]] TROUPE_KERNEL float_run load_run(const float* from, bool there) {
  float_run got;
  TROUPE_UNROLL
  for (std::uint32_t i = 0; i < weight_run; i += 4) {
    const four_floats part = load_floats(from + i, there);
    TROUPE_UNROLL
    for (std::uint32_t e = 0; e < 4; ++e) got.at[i + e] = part.at[e];
  }
  return got;
}
/// Up to eight floats, from anywhere.
TROUPE_KERNEL_APART float_run read_floats(const float* from, std::uint32_t count) {
  float_run got;
  TROUPE_UNROLL
  for (std::uint32_t i = 0; i < weight_run; ++i)
    if (i < count) got.at[i] = from[i];
  return got;
}
[[nodiscard]] TROUPE_KERNEL bf16_run rounded(const float_run& x) {
  bf16_run run;
  TROUPE_UNROLL
  for (std::uint32_t i = 0; i < 4; ++i) run.at[i] = pack_bf16(x.at[2 * i], x.at[2 * i + 1]);
  return run;
}

/// Any type's run, as BF16; FP8 without its scale, which a product applies to sums.
TROUPE_KERNEL_APART bf16_run read_run(const matrix& w, std::uint32_t row, std::uint32_t col,
                                      std::uint32_t count) {
  float_run part;
  read_weights(w, row, col, count, part.at);
  return rounded(part);
}

/// Up to eight bytes, from any address.
TROUPE_KERNEL_APART words<2> read_bytes(const std::byte* from, std::uint32_t count) {
  words<2> got;
  for (std::uint32_t i = 0; i < count; ++i) {
    const std::uint32_t byte = byte_at(from + i) << i % 4 * 8;
    (i < 4 ? got.at[0] : got.at[1]) |= byte;
  }
  return got;
}

struct bf16_weights {
  using raw = words<4>;
  [[nodiscard]] TROUPE_KERNEL static bool scaled(const matrix&) { return false; }
  [[nodiscard]] TROUPE_KERNEL static bool wide(const matrix& w) {
    return w.cols % weight_run == 0 && is_aligned(w.data, 16);
  }
  [[nodiscard]] TROUPE_KERNEL static raw fetch(const matrix& w, std::uint32_t row,
                                               std::uint32_t col, bool there) {
    return load_weights<4>(block_at(w, block_of(dtype::bf16), row, col), there);
  }
  [[nodiscard]] TROUPE_KERNEL static raw fetch_part(const matrix& w, std::uint32_t row,
                                                    std::uint32_t col, std::uint32_t count) {
    return read_run(w, row, col, count);
  }
  [[nodiscard]] TROUPE_KERNEL static bf16_run unpack(const raw& r, std::uint32_t) { return r; }
};

/// Without its scale.
struct f8_weights {
  using raw = words<2>;
  [[nodiscard]] TROUPE_KERNEL static bool scaled(const matrix&) { return true; }
  [[nodiscard]] TROUPE_KERNEL static bool wide(const matrix& w) {
    return w.cols % weight_run == 0 && is_aligned(w.data, 8);
  }
  [[nodiscard]] TROUPE_KERNEL static raw fetch(const matrix& w, std::uint32_t row,
                                               std::uint32_t col, bool there) {
    return load_weights<2>(block_at(w, block_of(dtype::f8_e4m3), row, col), there);
  }
  [[nodiscard]] TROUPE_KERNEL static raw fetch_part(const matrix& w, std::uint32_t row,
                                                    std::uint32_t col, std::uint32_t count) {
    return read_bytes(block_at(w, block_of(dtype::f8_e4m3), row, col), count);
  }
  [[nodiscard]] TROUPE_KERNEL static bf16_run unpack(const raw& r, std::uint32_t) {
    bf16_run run;
    TROUPE_UNROLL
    for (std::uint32_t i = 0; i < 4; ++i) {
      const std::uint32_t pair = r.at[i / 2] >> i % 2 * 16;
      run.at[i] = pack_bf16(from_f8_e4m3(static_cast<std::uint8_t>(pair)),
                            from_f8_e4m3(static_cast<std::uint8_t>(pair >> 8U)));
    }
    return run;
  }
};

/// A run's stored bytes of a type of blocks of 32, and its block's head. Blocks lie at any even
/// address.
struct block_run {
  words<2> quants;
  std::uint32_t head = 0;  ///< the scale, and above it a minimum
};
TROUPE_KERNEL words<2> load_even(const std::byte* from, bool there) {
  words<2> got;
  TROUPE_UNROLL
  for (std::uint32_t i = 0; i < 4; ++i)
    got.at[i / 2] |= load_weight_half(from + 2 * i, there) << i % 2 * 16;
  return got;
}

/// Their rows are whole blocks, so that every run is whole.
struct block_weights {
  using raw = block_run;
  [[nodiscard]] TROUPE_KERNEL static bool scaled(const matrix&) { return false; }
  [[nodiscard]] TROUPE_KERNEL static bool wide(const matrix&) { return true; }
  [[nodiscard]] TROUPE_KERNEL static raw fetch_part(const matrix&, std::uint32_t, std::uint32_t,
                                                    std::uint32_t) {
    return {};
  }
};

struct q8_0_weights : block_weights {
  [[nodiscard]] TROUPE_KERNEL static raw fetch(const matrix& w, std::uint32_t row,
                                               std::uint32_t col, bool there) {
    const std::byte* block = block_at(w, block_of(dtype::q8_0), row, col);
    return {load_even(block + 2 + col % 32, there), load_weight_half(block, there)};
  }
  [[nodiscard]] TROUPE_KERNEL static bf16_run unpack(const raw& r, std::uint32_t) {
    const float d = from_f16(static_cast<std::uint16_t>(r.head));
    bf16_run run;
    TROUPE_UNROLL
    for (std::uint32_t i = 0; i < 4; ++i) {
      // A byte with its sign turned over is the integer above -128.
      const std::uint32_t pair = r.quants.at[i / 2] >> i % 2 * 16 ^ 0x8080U;
      run.at[i] = pack_bf16(d * (small_integer(pair & 255U) - 128.0F),
                            d * (small_integer(pair >> 8U & 255U) - 128.0F));
    }
    return run;
  }
};

/// Q4_0, and Q4_1 where `Shifted` is false: it has a minimum in the place of the constant 8.
template <bool Shifted>
struct q4_weights : block_weights {
  static constexpr std::uint32_t head_bytes = Shifted ? 2 : 4;
  [[nodiscard]] TROUPE_KERNEL static raw fetch(const matrix& w, std::uint32_t row,
                                               std::uint32_t col, bool there) {
    const std::byte* block = block_at(w, block_of(Shifted ? dtype::q4_0 : dtype::q4_1), row, col);
    raw r{load_even(block + head_bytes + col % 16, there), load_weight_half(block, there)};
    if constexpr (!Shifted) r.head |= load_weight_half(block + 2, there) << 16U;
    return r;
  }
  /// The lower halves of a block's bytes are its first 16 numbers, the upper ones the others.
  [[nodiscard]] TROUPE_KERNEL static bf16_run unpack(const raw& r, std::uint32_t col) {
    const float d = from_f16(static_cast<std::uint16_t>(r.head));
    const float minimum = Shifted ? 0.0F : from_f16(static_cast<std::uint16_t>(r.head >> 16U));
    const std::uint32_t down = col % 32 < 16 ? 0 : 4;
    const auto number = [&](std::uint32_t bits) {
      const float q = small_integer(bits >> down & 15U);
      return Shifted ? d * (q - 8.0F) : d * q + minimum;
    };
    bf16_run run;
    TROUPE_UNROLL
    for (std::uint32_t i = 0; i < 4; ++i) {
      const std::uint32_t pair = r.quants.at[i / 2] >> i % 2 * 16;
      run.at[i] = pack_bf16(number(pair), number(pair >> 8U));
    }
    return run;
  }
};

/// Every type: what is stored becomes BF16 when it is fetched.
struct any_weights {
  using raw = words<4>;
  [[nodiscard]] TROUPE_KERNEL static bool scaled(const matrix& w) {
    return w.type == dtype::f8_e4m3;
  }
  [[nodiscard]] TROUPE_KERNEL static bool wide(const matrix&) { return false; }
  [[nodiscard]] TROUPE_KERNEL static raw fetch(const matrix&, std::uint32_t, std::uint32_t, bool) {
    return {};
  }
  [[nodiscard]] TROUPE_KERNEL static raw fetch_part(const matrix& w, std::uint32_t row,
                                                    std::uint32_t col, std::uint32_t count) {
    return read_run(w, row, col, count);
  }
  [[nodiscard]] TROUPE_KERNEL static bf16_run unpack(const raw& r, std::uint32_t) { return r; }
};

}  // namespace troupe::kernels::cuda
