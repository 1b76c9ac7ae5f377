#pragma once

#include <cstdint>

#include "kernels/api/matrix.hpp"

namespace troupe::kernels {

/// Softmax in float32 over all `experts` logits of a row, then the `top_k` largest in descending
/// order (ties: lower index first), divided by their sum when `normalise`. ids and weights are
/// [rows, top_k], in rank order.
struct route_params {
  const float* logits = nullptr;
  std::int32_t* ids = nullptr;
  float* weights = nullptr;
  std::uint32_t rows = 0;
  std::uint32_t experts = 0;
  std::uint32_t top_k = 0;
  bool normalise = true;
};

/// Lists, for each of the experts [first, first + count), which (row, rank) slots chose it:
/// slots[offsets[e] .. offsets[e + 1]) hold row * top_k + rank in ascending order.
/// offsets has count + 1 entries; slots has room for rows * top_k.
struct group_params {
  const std::int32_t* ids = nullptr;
  std::uint32_t* offsets = nullptr;
  std::uint32_t* slots = nullptr;
  std::uint32_t rows = 0;
  std::uint32_t top_k = 0;
  std::uint32_t first = 0;
  std::uint32_t count = 0;
};

/// The three matrices of one expert: gate and up are [intermediate, hidden], down [hidden,
/// intermediate].
struct expert_weights {
  matrix gate;
  matrix up;
  matrix down;
};

/// For every slot s of every listed expert e: hidden[s] = silu(gate_e x[row]) * (up_e x[row]) with
/// row = s / top_k. `hidden` has a row a slot (rows * top_k), `intermediate` wide; the parts of it
/// that are not null are filled. A slot's bits depend on its row and expert alone.
struct expert_up_params {
  const expert_weights* experts = nullptr;
  const std::uint32_t* offsets = nullptr;
  const std::uint32_t* slots = nullptr;
  activation x;
  activation hidden;
  std::uint32_t expert_count = 0;
  std::uint32_t rows = 0;
  std::uint32_t top_k = 0;
};

/// For every slot s of every listed expert e: out[s, :] = down_e hidden[s]. Other slots are left
/// alone.
struct expert_down_params {
  const expert_weights* experts = nullptr;
  const std::uint32_t* offsets = nullptr;
  const std::uint32_t* slots = nullptr;
  activation hidden;
  float* out = nullptr;
  std::uint32_t expert_count = 0;
  std::uint32_t rows = 0;
  std::uint32_t top_k = 0;
  /// Floats from one slot's row of `out` to the next, at least down's rows; 0: as many as those.
  std::uint32_t out_stride = 0;

  [[nodiscard]] constexpr std::size_t stride_of(const matrix& down) const {
    return out_stride == 0 ? down.rows : out_stride;
  }
};

/// x[r, :] += sum over rank of weights[r, rank] * outputs[r * top_k + rank, :], added in rank
/// order. A null `weights` means every weight is one (a dense layer).
struct combine_params {
  float* x = nullptr;
  const float* outputs = nullptr;
  const float* weights = nullptr;
  std::uint32_t rows = 0;
  std::uint32_t top_k = 0;
  std::uint32_t cols = 0;
};

}  // namespace troupe::kernels
