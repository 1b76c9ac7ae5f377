#include "kernels/reference/dequantise.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "kernels/reference/convert.hpp"

namespace troupe::kernels::reference {
namespace {

template <class T>
T read(const std::byte* from) {
  T value;
  std::memcpy(&value, from, sizeof value);
  return value;
}

float half_at(const std::byte* from) { return from_f16(read<std::uint16_t>(from)); }
int byte_at(const std::byte* from) { return std::to_integer<int>(*from); }
int signed_at(const std::byte* from) { return read<std::int8_t>(from); }

/// Element i of a block, for the types whose blocks hold 32: a scale, perhaps a minimum, numbers.
float q8_0(const std::byte* b, std::uint32_t i) {
  return half_at(b) * static_cast<float>(signed_at(b + 2 + i));
}
int nibble(const std::byte* quants, std::uint32_t i) {
  return i < 16 ? byte_at(quants + i) & 15 : byte_at(quants + i - 16) >> 4;
}
float q4_0(const std::byte* b, std::uint32_t i) {
  return half_at(b) * static_cast<float>(nibble(b + 2, i) - 8);
}
float q4_1(const std::byte* b, std::uint32_t i) {
  return half_at(b) * static_cast<float>(nibble(b + 4, i)) + half_at(b + 2);
}

/// 256 elements: d, dmin, eight 6-bit scales and minima in 12 bytes, nibbles.
float q4_k(const std::byte* b, std::uint32_t i) {
  const std::byte* s = b + 4;
  const std::uint32_t j = i / 32;
  int scale;
  int min;
  if (j < 4) {
    scale = byte_at(s + j) & 63;
    min = byte_at(s + j + 4) & 63;
  } else {
    scale = (byte_at(s + j + 4) & 15) | (byte_at(s + j - 4) >> 6) << 4;
    min = byte_at(s + j + 4) >> 4 | (byte_at(s + j) >> 6) << 4;
  }
  const int pair = byte_at(b + 16 + j / 2 * 32 + i % 32);
  const int q = j % 2 == 0 ? pair & 15 : pair >> 4;
  return half_at(b) * static_cast<float>(scale) * static_cast<float>(q) -
         half_at(b + 2) * static_cast<float>(min);
}

/// 256 elements: low nibbles, high bit pairs, sixteen 8-bit scales, d.
float q6_k(const std::byte* b, std::uint32_t i) {
  const std::uint32_t half = i / 128;
  const std::uint32_t quarter = i % 128 / 32;
  const std::uint32_t at = i % 32;
  const int low = byte_at(b + half * 64 + quarter % 2 * 32 + at) >> (quarter / 2 * 4) & 15;
  const int high = byte_at(b + 128 + half * 32 + at) >> (quarter * 2) & 3;
  const int scale = signed_at(b + 192 + i / 16);
  return half_at(b + 208) * static_cast<float>(scale) * static_cast<float>((low | high << 4) - 32);
}

float element(const matrix& w, std::uint32_t row, std::uint32_t i) {
  const dtype_info layout = info(w.type);
  const std::byte* b = w.data + row_bytes(w.type, w.cols) * row +
                       std::size_t{i / layout.block_elements} * layout.block_bytes;
  const std::uint32_t in = i % layout.block_elements;
  switch (w.type) {
    case dtype::f32:
      return read<float>(b);
    case dtype::f16:
      return half_at(b);
    case dtype::bf16:
      return from_bf16(read<std::uint16_t>(b));
    case dtype::f8_e4m3: {
      const std::size_t wide = (w.cols + 127) / 128;
      return from_f8_e4m3(read<std::uint8_t>(b)) * w.scales[row / 128 * wide + i / 128];
    }
    case dtype::q8_0:
      return q8_0(b, in);
    case dtype::q4_0:
      return q4_0(b, in);
    case dtype::q4_1:
      return q4_1(b, in);
    case dtype::q4_k:
      return q4_k(b, in);
    case dtype::q6_k:
      return q6_k(b, in);
  }
  return 0;
}

}  // namespace

void dequantise_row(const matrix& w, std::uint32_t row, float* out) {
  for (std::uint32_t i = 0; i < w.cols; ++i) out[i] = element(w, row, i);
}

void quantise_row(const float* x, std::uint32_t cols, std::byte* row) {
  auto* block = reinterpret_cast<q8_block*>(row);
  for (std::uint32_t g = 0; g < cols / q8_group; ++g, x += q8_group, ++block) {
    float peak = 0;
    for (std::uint32_t i = 0; i < q8_group; ++i) peak = std::max(peak, std::fabs(x[i]));
    // Below this the reciprocal would overflow.
    const bool tiny = !(peak > 1e-33F);
    const float inverse = tiny ? 0.0F : static_cast<float>(q8_largest) / peak;
    float sum = 0;
    for (std::uint32_t i = 0; i < q8_group; ++i) {
      const float q = std::nearbyint(x[i] * inverse);
      block->values[i] = static_cast<std::int16_t>(q);
      sum += q;
    }
    block->scale = tiny ? 0.0F : peak / static_cast<float>(q8_largest);
    block->sum = block->scale * sum;
  }
}

void dequantise_activation(const std::byte* row, std::uint32_t cols, float* out) {
  const auto* blocks = reinterpret_cast<const q8_block*>(row);
  for (std::uint32_t i = 0; i < cols; ++i) {
    const q8_block& b = blocks[i / q8_group];
    out[i] = b.scale * static_cast<float>(b.values[i % q8_group]);
  }
}

}  // namespace troupe::kernels::reference
