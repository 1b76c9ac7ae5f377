#pragma once

#include <cstddef>
#include <cstdint>

#include "runtime/engine/step.hpp"
#include "runtime/wire/fields.hpp"
#include "runtime/wire/frames.hpp"

/// Bytes that the parts of a step's header take at least: with empty lists.
namespace troupe::wire {

inline constexpr std::size_t run_bytes = sizeof(sequence_id) + 2 * sizeof(std::uint32_t);
inline constexpr std::size_t history_bytes = sizeof(std::uint32_t);
inline constexpr std::size_t sample_bytes = 9 * sizeof(std::uint32_t);
inline constexpr std::size_t score_bytes = 4 * sizeof(std::uint32_t);
/// Preamble, step, the lengths of the six lists, and whether the masks are there.
inline constexpr std::size_t step_bytes =
    preamble_bytes + sizeof(step_id) + 6 * sizeof(std::uint32_t) + sizeof(std::uint8_t);

}  // namespace troupe::wire
