#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/api/matrix.hpp"
#include "kernels/cuda/body/portable.hpp"

// Stored weights to float32 on the device (layouts: the GGUF v3 specification).
namespace troupe::kernels::cuda {

/// Elements that one thread reads at a time.
inline constexpr std::uint32_t weight_run = 8;

TROUPE_KERNEL std::uint32_t byte_at(const std::byte* from) {
  return *reinterpret_cast<const std::uint8_t*>(from);
}
TROUPE_KERNEL float signed_at(const std::byte* from) {
  return static_cast<float>(*reinterpret_cast<const std::int8_t*>(from));
}
/// Block types lie at any even address.
TROUPE_KERNEL std::uint16_t word_at(const std::byte* from) {
  return static_cast<std::uint16_t>(byte_at(from) | byte_at(from + 1) << 8U);
}
TROUPE_KERNEL float half_at(const std::byte* from) { return from_f16(word_at(from)); }

/// Sub-block j's scale and minimum of a Q4_K block: 6 bits each, packed in 12 bytes.
struct q4_k_scale {
  float scale;
  float min;
};
TROUPE_KERNEL q4_k_scale q4_k_scale_at(const std::byte* s, std::uint32_t j) {
  if (j < 4)
    return {static_cast<float>(byte_at(s + j) & 63U), static_cast<float>(byte_at(s + j + 4) & 63U)};
  const std::uint32_t scale = (byte_at(s + j + 4) & 15U) | (byte_at(s + j - 4) >> 6U) << 4U;
  const std::uint32_t min = byte_at(s + j + 4) >> 4U | (byte_at(s + j) >> 6U) << 4U;
  return {static_cast<float>(scale), static_cast<float>(min)};
}

TROUPE_KERNEL float q6_k_at(const std::byte* b, std::uint32_t i) {
  const std::uint32_t half = i / 128;
  const std::uint32_t quarter = i % 128 / 32;
  const std::uint32_t at = i % 32;
  const std::uint32_t low =
      byte_at(b + half * 64 + quarter % 2 * 32 + at) >> (quarter / 2 * 4) & 15U;
  const std::uint32_t high = byte_at(b + 128 + half * 32 + at) >> (quarter * 2) & 3U;
  const int q = static_cast<int>(low | high << 4U) - 32;
  return half_at(b + 208) * signed_at(b + 192 + i / 16) * static_cast<float>(q);
}

/// FP8's block scales: how many, and in a packed copy how many bytes behind its beginning.
[[nodiscard]] constexpr std::size_t scale_count(const matrix& w) {
  return w.type == dtype::f8_e4m3 ? std::size_t{(w.rows + 127) / 128} * ((w.cols + 127) / 128) : 0;
}
[[nodiscard]] constexpr std::size_t scales_at(const matrix& w) {
  return (row_bytes(w.type, w.cols) * w.rows + 15) / 16 * 16;
}

/// One FP8 block scale.
TROUPE_KERNEL float block_scale(const matrix& w, std::uint32_t row, std::uint32_t col) {
  const float* scales = w.layout == weight_layout::tiles
                            ? reinterpret_cast<const float*>(w.data + scales_at(w))
                            : w.scales;
  return scales[std::size_t{row / 128} * ((w.cols + 127) / 128) + col / 128];
}

/// The block that holds an element; a type without blocks has blocks of one.
TROUPE_KERNEL const std::byte* block_at(const matrix& w, const dtype_block& block,
                                        std::uint32_t row, std::uint32_t col) {
  return w.data +
         (std::size_t{row} * (w.cols / block.elements) + col / block.elements) * block.bytes;
}

/// Elements [col, col + count) of a row, count at most weight_run; both in one block of a block
/// type, so `col` is a multiple of weight_run. FP8 comes without its scale.
TROUPE_KERNEL void read_weights(const matrix& w, std::uint32_t row, std::uint32_t col,
                                std::uint32_t count, float* out) {
  const dtype_block block = block_of(w.type);
  const std::byte* b = block_at(w, block, row, col);
  const std::uint32_t in = col % block.elements;
  switch (w.type) {
    case dtype::f32:
      for (std::uint32_t i = 0; i < count; ++i) out[i] = reinterpret_cast<const float*>(b)[i];
      return;
    case dtype::f16:
      for (std::uint32_t i = 0; i < count; ++i) out[i] = half_at(b + 2 * i);
      return;
    case dtype::bf16: {
      const auto* v = reinterpret_cast<const std::uint16_t*>(b);
      for (std::uint32_t i = 0; i < count; ++i) out[i] = from_bf16(v[i]);
      return;
    }
    case dtype::f8_e4m3:
      for (std::uint32_t i = 0; i < count; ++i)
        out[i] = from_f8_e4m3(static_cast<std::uint8_t>(byte_at(b + i)));
      return;
    case dtype::q8_0: {
      const float d = half_at(b);
      for (std::uint32_t i = 0; i < count; ++i) out[i] = d * signed_at(b + 2 + in + i);
      return;
    }
    case dtype::q4_0:
    case dtype::q4_1: {
      const bool shifted = w.type == dtype::q4_0;
      const float d = half_at(b);
      const float least = shifted ? 0.0F : half_at(b + 2);
      const std::byte* quants = b + (shifted ? 2 : 4) + in % 16;
      for (std::uint32_t i = 0; i < count; ++i) {
        const std::uint32_t q = byte_at(quants + i) >> (in < 16 ? 0U : 4U) & 15U;
        out[i] = shifted ? d * static_cast<float>(static_cast<int>(q) - 8)
                         : d * static_cast<float>(q) + least;
      }
      return;
    }
    case dtype::q4_k: {
      const std::uint32_t j = in / 32;
      const q4_k_scale s = q4_k_scale_at(b + 4, j);
      const float d = half_at(b) * s.scale;
      const float m = half_at(b + 2) * s.min;
      const std::byte* quants = b + 16 + j / 2 * 32 + in % 32;
      for (std::uint32_t i = 0; i < count; ++i)
        out[i] = d * static_cast<float>(byte_at(quants + i) >> (j % 2 * 4) & 15U) - m;
      return;
    }
    case dtype::q6_k:
      for (std::uint32_t i = 0; i < count; ++i) out[i] = q6_k_at(b, in + i);
      return;
  }
}

}  // namespace troupe::kernels::cuda
