#pragma once

#include <array>
#include <cstdint>

namespace troupe::kernels {

/// Philox4x32-10, the counter-based generator of Salmon, Moraes, Dror and Shaw, "Parallel random
/// numbers: as easy as 1, 2, 3" (SC 2011): 128 random bits that depend on counter and key alone.
[[nodiscard]] constexpr std::array<std::uint32_t, 4> philox4x32(
    std::array<std::uint32_t, 4> counter, std::array<std::uint32_t, 2> key) {
  constexpr int rounds = 10;
  for (int r = 0; r < rounds; ++r) {
    const std::uint64_t p0 = std::uint64_t{0xD2511F53U} * counter[0];
    const std::uint64_t p1 = std::uint64_t{0xCD9E8D57U} * counter[2];
    counter = {static_cast<std::uint32_t>(p1 >> 32U) ^ counter[1] ^ key[0],
               static_cast<std::uint32_t>(p1),
               static_cast<std::uint32_t>(p0 >> 32U) ^ counter[3] ^ key[1],
               static_cast<std::uint32_t>(p0)};
    key[0] += 0x9E3779B9U;
    key[1] += 0xBB67AE85U;
  }
  return counter;
}

/// The one random number that draws a token: uniform in [0, 1), a multiple of 2^-53.
[[nodiscard]] constexpr double sample_uniform(std::uint64_t seed, std::uint32_t choice,
                                              std::uint32_t position) {
  const auto bits = philox4x32({position, choice, 0, 0}, {static_cast<std::uint32_t>(seed),
                                                          static_cast<std::uint32_t>(seed >> 32U)});
  const std::uint64_t word = (std::uint64_t{bits[0]} << 32U) | bits[1];
  return static_cast<double>(word >> 11U) * 0x1p-53;
}

}  // namespace troupe::kernels
