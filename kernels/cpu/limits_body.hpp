#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/cpu/task.hpp"

namespace troupe::kernels::cpu {

/// Bytes that an item of limits_read_body reads.
inline constexpr std::size_t limits_piece = std::size_t{256} << 10U;
/// Operations that an item of limits_int8_body or limits_f32_body does, whatever the instruction
/// set; a multiply-add counts as two.
inline constexpr std::size_t limits_operations = std::size_t{1} << 22U;

/// Task bodies for the target in use. Their results go to the worker's scratch.
[[nodiscard]] task::body_fn limits_read_body();  ///< parameters: the memory, as const std::byte*
[[nodiscard]] task::body_fn limits_int8_body();
[[nodiscard]] task::body_fn limits_f32_body();

}  // namespace troupe::kernels::cpu
