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

/// Layout of one type. Total over the enumeration; never fails.
[[nodiscard]] constexpr dtype_info info(dtype type) {
  switch (type) {
    case dtype::f32:
      return {"F32", 1, 4};
    case dtype::f16:
      return {"F16", 1, 2};
    case dtype::bf16:
      return {"BF16", 1, 2};
    case dtype::f8_e4m3:
      return {"F8_E4M3", 1, 1};
    case dtype::q8_0:
      return {"Q8_0", 32, 34};
    case dtype::q4_0:
      return {"Q4_0", 32, 18};
    case dtype::q4_1:
      return {"Q4_1", 32, 20};
    case dtype::q4_k:
      return {"Q4_K", 256, 144};
    case dtype::q6_k:
      return {"Q6_K", 256, 210};
  }
  return {"?", 1, 0};
}

/// True for types whose weights are small integers with scales, which can meet integer activations.
[[nodiscard]] constexpr bool is_integer_quantised(dtype type) {
  return info(type).block_elements > 1;
}

/// Bytes of one row of `columns` elements; `columns` must be a multiple of `block_elements`.
[[nodiscard]] constexpr std::size_t row_bytes(dtype type, std::size_t columns) {
  const dtype_info i = info(type);
  return columns / i.block_elements * i.block_bytes;
}

}  // namespace troupe::kernels
