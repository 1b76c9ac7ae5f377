#pragma once

#include <cstdint>

// How a warp's lanes share 16 x 16 tiles for mma.m16n8k16, two of which make one product of tiles
// (PTX ISA, "Matrix Fragments for mma.m16n8k16" and "ldmatrix").
namespace troupe::kernels::cuda {

struct tile_place {
  std::uint32_t row, column;
};

/// Where a lane points to for ldmatrix.x4: eight lanes for the rows of each 8 x 8 tile, in the
/// order in which mma takes the left side's parts.
[[nodiscard]] constexpr tile_place left_place(std::uint32_t lane) {
  return {lane % 16, lane / 16 * 8};
}
/// The same for the right side, whose rows are the product's columns: parts 0 and 1 are the first
/// mma's, 2 and 3 the second's.
[[nodiscard]] constexpr tile_place right_place(std::uint32_t lane) {
  return {lane / 16 * 8 + lane % 8, lane / 8 % 2 * 8};
}
/// Where a lane's sum `i` of 8 belongs: four of each mma.
[[nodiscard]] constexpr tile_place sum_place(std::uint32_t lane, std::uint32_t i) {
  return {lane / 4 + i / 2 % 2 * 8, i / 4 * 8 + lane % 4 * 2 + i % 2};
}

}  // namespace troupe::kernels::cuda
