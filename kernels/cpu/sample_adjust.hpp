#pragma once

#include <cstdint>
#include <span>

#include "kernels/api/sample.hpp"

namespace troupe::kernels::cpu::sampling {

/// True when `row` changes any logit before the draw.
[[nodiscard]] bool adjusts(const sample_row& row);

/// Words of `marks` that adjust needs for a vocabulary.
[[nodiscard]] constexpr std::uint32_t mark_words(std::uint32_t vocab) { return vocab / 32 + 1; }

/// Bias, allowed mask, banned tokens, then the penalties, in the order of sample_row. `x` is clean
/// and stays so. Tokens outside the vocabulary are passed over.
void adjust(float* x, std::uint32_t vocab, const sample_row& row, std::span<std::uint32_t> marks);

/// What is drawn where no logit is left: the lowest token neither masked nor banned, 0 if none.
[[nodiscard]] std::int32_t lowest_allowed(const sample_row& row, std::uint32_t vocab);

}  // namespace troupe::kernels::cpu::sampling
