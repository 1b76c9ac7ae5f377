#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace troupe::kernels {

/// Element type of a stored matrix. Block types hold `block_elements` weights in `block_bytes`
/// bytes; their layouts are those of the GGUF v3 specification.
enum class dtype : std::uint8_t { f32, f16, bf16, f8_e4m3, q8_0, q4_0, q4_1, q4_k, q6_k };

struct dtype_info {
  std::string_view name;
  std::uint32_t block_elements;
  std::uint32_t block_bytes;
};

/// Weights of a block, and its bytes.
struct dtype_block {
  std::uint32_t elements;
  std::uint32_t bytes;
};

/// A type's blocks. Total over the enumeration; never fails. Any code, a device's too.
[[nodiscard]] constexpr dtype_block block_of(dtype type) {
  switch (type) {
    case dtype::f32:
      return {1, 4};
    case dtype::f16:
    case dtype::bf16:
      return {1, 2};
    case dtype::f8_e4m3:
      return {1, 1};
    case dtype::q8_0:
      return {32, 34};
    case dtype::q4_0:
      return {32, 18};
    case dtype::q4_1:
      return {32, 20};
    case dtype::q4_k:
      return {256, 144};
    case dtype::q6_k:
      return {256, 210};
  }
  return {1, 0};
}

// Not for nvcc: of what makes a string_view it makes nothing on the device, and of all that is
// computed with it neither, without a word.
#ifndef __CUDACC__
[[nodiscard]] constexpr std::string_view dtype_name(dtype type) {
  switch (type) {
    case dtype::f32:
      return "F32";
    case dtype::f16:
      return "F16";
    case dtype::bf16:
      return "BF16";
    case dtype::f8_e4m3:
      return "F8_E4M3";
    case dtype::q8_0:
      return "Q8_0";
    case dtype::q4_0:
      return "Q4_0";
    case dtype::q4_1:
      return "Q4_1";
    case dtype::q4_k:
      return "Q4_K";
    case dtype::q6_k:
      return "Q6_K";
  }
  return "?";
}

/// Name and layout of one type. Total over the enumeration; never fails.
[[nodiscard]] constexpr dtype_info info(dtype type) {
  const dtype_block block = block_of(type);
  return {dtype_name(type), block.elements, block.bytes};
}
#endif

/// True for types whose weights are small integers with scales, which can meet integer activations.
[[nodiscard]] constexpr bool is_integer_quantised(dtype type) {
  return block_of(type).elements > 1;
}

/// Bytes of one row of `columns` elements; `columns` must be a multiple of `block_elements`.
[[nodiscard]] constexpr std::size_t row_bytes(dtype type, std::size_t columns) {
  const dtype_block block = block_of(type);
  return columns / block.elements * block.bytes;
}

}  // namespace troupe::kernels
