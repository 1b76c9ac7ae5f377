#pragma once

#include <cstdint>

#include "kernels/api/matrix.hpp"
#include "runtime/base/result.hpp"

namespace troupe {

/// A rank's part of something that `ranks` divide among themselves: consecutive, equal.
struct tensor_share {
  std::uint32_t first = 0;
  std::uint32_t count = 0;
};

/// Rank `rank`'s share of `total` things that only go in whole `unit`s (a head's columns; 128 of an
/// FP8 matrix). out_of_range where they cannot be divided evenly.
[[nodiscard]] inline result<tensor_share> share_of(std::uint32_t total, std::uint32_t unit,
                                                   std::uint32_t rank, std::uint32_t ranks) {
  if (unit == 0 || ranks == 0 || rank >= ranks || total % (unit * ranks) != 0)
    return fail(errc::out_of_range, "{} in units of {} cannot be divided among {} ranks", total,
                unit, ranks);
  return tensor_share{total / ranks * rank, total / ranks};
}

/// Whether `ranks` can divide attention among themselves: each has as many KV heads, with the query
/// heads that belong to them. `integers`: what attention gives is wanted in groups of integers, of
/// which none may be of two ranks.
[[nodiscard]] inline result<void> ranks_suit(std::uint32_t ranks, std::uint32_t heads,
                                             std::uint32_t kv_heads, std::uint32_t head_dim,
                                             bool integers) {
  if (ranks == 0 || kv_heads % ranks != 0)
    return fail(errc::invalid_argument,
                "tensor_parallel = {}: the model's {} KV heads cannot be divided evenly among as "
                "many devices",
                ranks, kv_heads);
  if (const std::uint32_t cols = heads / ranks * head_dim;
      ranks > 1 && integers && cols % kernels::q8_group != 0)
    return fail(errc::invalid_argument,
                "tensor_parallel = {}: a device's {} outputs of attention are no whole groups of "
                "{} integers; activations = \"f32\" does without them",
                ranks, cols, kernels::q8_group);
  return {};
}

/// The rows of a weight matrix, that is the outputs of its product, that a rank computes. Divided
/// so, K stays whole: every output has the very bits it has on one rank, and all_gather brings them
/// together. (Dividing K instead would need sums across ranks, whose bits depend on their number.)
/// Of FP8 the first row must begin a block of 128; packed matrices cannot be divided.
[[nodiscard]] inline result<kernels::matrix> rows_of(const kernels::matrix& w,
                                                     const tensor_share& share) {
  const bool scaled = w.type == kernels::dtype::f8_e4m3;
  if (w.layout != kernels::weight_layout::rows || share.first + share.count > w.rows ||
      (scaled && share.first % 128 != 0))
    return fail(errc::out_of_range, "rows {} to {} of a matrix of {} cannot be had by themselves",
                share.first, share.first + share.count, w.rows);
  kernels::matrix part = w;
  part.rows = share.count;
  part.data += kernels::row_bytes(w.type, w.cols) * share.first;
  if (scaled) part.scales += std::size_t{share.first / 128} * ((w.cols + 127) / 128);
  return part;
}

}  // namespace troupe
