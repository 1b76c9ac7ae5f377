#pragma once

#include <cstddef>
#include <cstdint>

#include "runtime/model/model_files.hpp"

namespace troupe::test {

/// Reads the first and last byte, and every FP8 scale, of every weight: a view that leads out of
/// its file or buffer crashes here. Returns a sum, so that nothing is optimised away.
inline std::uint64_t touch_weights(const model_files& model) {
  std::uint64_t sum = 0;
  const auto touch = [&sum](const kernels::matrix& m) {
    if (!m) return;
    sum += static_cast<std::uint64_t>(m.data[0]);
    sum += static_cast<std::uint64_t>(m.data[m.bytes() - 1]);
    const std::size_t blocks =
        m.scales == nullptr ? 0 : std::size_t{(m.rows + 127) / 128} * ((m.cols + 127) / 128);
    for (std::size_t i = 0; i < blocks; ++i) sum += m.scales[i] > 0 ? 1 : 0;
  };
  touch(model.matrix(matrix_slot::token_embedding, 0, 0));
  touch(model.matrix(matrix_slot::head, 0, 0));
  for (std::uint32_t layer = 0; layer < model.config().layers; ++layer) {
    for (const matrix_slot slot : {matrix_slot::query, matrix_slot::key, matrix_slot::value,
                                   matrix_slot::attention_output, matrix_slot::router})
      touch(model.matrix(slot, layer, 0));
    for (std::uint32_t expert = 0; expert < model.config().layer_experts(layer); ++expert) {
      for (const matrix_slot slot :
           {matrix_slot::expert_gate, matrix_slot::expert_up, matrix_slot::expert_down})
        touch(model.matrix(slot, layer, expert));
    }
  }
  return sum;
}

}  // namespace troupe::test
