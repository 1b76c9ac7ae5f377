#include "kernels/cuda/body/fragment.hpp"

#include <doctest/doctest.h>

#include <array>
#include <random>

namespace troupe::kernels::test {
namespace {

constexpr std::uint32_t lanes = 32;
constexpr std::uint32_t edge = 16;
using tile = std::array<std::array<int, edge>, edge>;
/// A register of two numbers, four of them for each lane.
using pair = std::array<int, 2>;
using operand = std::array<std::array<pair, 4>, lanes>;
using four_sums = std::array<std::array<int, 4>, lanes>;

/// ldmatrix.x4 as the PTX ISA has it: lane l's register i is the numbers l % 4 * 2 and the next of
/// row l / 4 of tile i, whose row r begins where lane 8 i + r points to.
template <class Place>
operand ldmatrix(const tile& from, const Place& place) {
  operand got{};
  for (std::uint32_t l = 0; l < lanes; ++l)
    for (std::uint32_t i = 0; i < 4; ++i)
      for (std::uint32_t e = 0; e < 2; ++e) {
        const cuda::tile_place at = place(8 * i + l / 4);
        got[l][i][e] = from[at.row][at.column + l % 4 * 2 + e];
      }
  return got;
}

/// mma.m16n8k16.row.col as the PTX ISA has it, with b's two registers from `first` on. With group =
/// lane / 4 and in = lane % 4, a's element i of 8 lies in row group, or group + 8 for i in {2, 3,
/// 6, 7}, and column in * 2 + i % 2, and 8 more from i = 4 on; b's element i of 4 in row in * 2 + i
/// % 2, and 8 more from i = 2 on, and column group; c's element i of 4 in row group, and 8 more
/// from i = 2 on, and column in * 2 + i % 2.
four_sums mma(const operand& left, const operand& right, std::uint32_t first) {
  std::array<std::array<int, edge>, edge> a{};
  std::array<std::array<int, 8>, edge> b{};
  for (std::uint32_t l = 0; l < lanes; ++l) {
    const std::uint32_t group = l / 4;
    const std::uint32_t in = l % 4;
    for (std::uint32_t i = 0; i < 8; ++i) {
      const std::uint32_t row = i % 4 < 2 ? group : group + 8;
      a[row][in * 2 + i % 2 + (i < 4 ? 0 : 8)] = left[l][i / 2][i % 2];
    }
    for (std::uint32_t i = 0; i < 4; ++i)
      b[in * 2 + i % 2 + (i < 2 ? 0 : 8)][group] = right[l][first + i / 2][i % 2];
  }
  four_sums c{};
  for (std::uint32_t l = 0; l < lanes; ++l)
    for (std::uint32_t i = 0; i < 4; ++i)
      for (std::uint32_t k = 0; k < edge; ++k)
        c[l][i] += a[i < 2 ? l / 4 : l / 4 + 8][k] * b[k][l % 4 * 2 + i % 2];
  return c;
}

tile random_tile(std::mt19937& random) {
  tile made{};
  for (auto& row : made)
    for (int& x : row) x = static_cast<int>(random() % 201) - 100;
  return made;
}

}  // namespace

TEST_CASE("gpu: two mma of a warp are the product of two tiles, each sum where it belongs") {
  std::mt19937 random(7);
  const tile x = random_tile(random);
  const tile w = random_tile(random);
  const operand left = ldmatrix(x, cuda::left_place);
  const operand right = ldmatrix(w, cuda::right_place);
  const std::array<four_sums, 2> halves{mma(left, right, 0), mma(left, right, 2)};
  tile product{};
  tile filled{};
  for (std::uint32_t l = 0; l < lanes; ++l)
    for (std::uint32_t i = 0; i < 8; ++i) {
      const cuda::tile_place at = cuda::sum_place(l, i);
      product[at.row][at.column] = halves[i / 4][l][i % 4];
      ++filled[at.row][at.column];
    }
  for (std::uint32_t r = 0; r < edge; ++r)
    for (std::uint32_t c = 0; c < edge; ++c) {
      int expected = 0;
      for (std::uint32_t k = 0; k < edge; ++k) expected += x[r][k] * w[c][k];
      CHECK(product[r][c] == expected);
      CHECK(filled[r][c] == 1);
    }
}

}  // namespace troupe::kernels::test
