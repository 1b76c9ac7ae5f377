#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "runtime/engine/tensor_share.hpp"

namespace troupe {

/// How the outputs of a product are divided among ranks: consecutive shares in whole units, as even
/// as these allow. Where it is not divided, every rank computes everything.
struct team_shares {
  bool divided = false;
  std::vector<tensor_share> of;  ///< by rank

  /// Whether they are the shares that things divided evenly have.
  [[nodiscard]] bool even() const {
    for (std::size_t r = 0; r < of.size(); ++r)
      if (of[r].count != of[0].count || of[r].first != of[0].count * r) return false;
    return divided;
  }
};

/// The finest unit that outputs may be divided in: a block of FP8's scales; a group of integer
/// activations, in which such outputs may be wanted; what is worth a kernel's while.
[[nodiscard]] constexpr std::uint32_t least_unit(kernels::dtype type) {
  if (type == kernels::dtype::f8_e4m3) return 128;
  return kernels::is_integer_quantised(type) ? kernels::q8_group : 8;
}

/// The shares of `width` outputs. They follow from the width alone, but that outputs of a coarser
/// least unit may stay whole: so whoever reads outputs knows which columns each rank has.
[[nodiscard]] inline team_shares shares_of(std::uint32_t width, std::uint32_t least,
                                           std::uint32_t ranks) {
  team_shares shares{false, std::vector<tensor_share>(ranks, tensor_share{0, width})};
  for (const std::uint32_t unit : {128U, 32U, 8U}) {
    if (std::uint64_t{width} < std::uint64_t{unit} * ranks) continue;
    if (unit < least) break;
    const std::uint64_t units = (width + unit - 1) / unit;
    const auto edge = [&](std::uint64_t rank) {
      return static_cast<std::uint32_t>(
          std::min<std::uint64_t>(width, units * rank / ranks * unit));
    };
    for (std::uint32_t r = 0; r < ranks; ++r)
      shares.of[r] = {edge(r), edge(std::uint64_t{r} + 1) - edge(r)};
    shares.divided = true;
    break;
  }
  return shares;
}

}  // namespace troupe
