#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "runtime/base/result.hpp"
#include "runtime/formats/tensor_table.hpp"
#include "runtime/model/config.hpp"
#include "runtime/model/weight_names.hpp"
#include "runtime/model/weight_store.hpp"

namespace troupe {

/// Whether the attention projections must have biases, or may.
enum class bias_rule : std::uint8_t { optional, required };

/// Every weight of a model by slot. Built once: whatever the architecture needs is there, with the
/// right shape.
class weight_table {
 public:
  /// Looks every weight up. The tensors' bytes must outlive the table. Fails, naming the tensor,
  /// with `corrupt` where one is missing or has another shape, and with `unsupported` for a bias
  /// that the architecture's arithmetic would leave out.
  [[nodiscard]] static result<weight_table> build(const model_config& config,
                                                  const tensor_table& tensors,
                                                  const weight_naming& naming, bias_rule biases);

  /// An empty matrix for a layer or expert that does not exist.
  [[nodiscard]] kernels::matrix matrix(matrix_slot slot, std::uint32_t layer,
                                       std::uint32_t expert) const;
  [[nodiscard]] std::span<const float> vector(vector_slot slot, std::uint32_t layer) const;

 private:
  struct layer_weights {
    std::array<kernels::matrix, 5> shared;  ///< query, key, value, attention_output, router
    std::vector<std::array<kernels::matrix, 3>> experts;  ///< gate, up, down
    std::array<std::vector<float>, 9> vectors;            ///< by vector_slot
  };

  class builder;

  weight_store store_;
  kernels::matrix embedding_;
  kernels::matrix head_;
  std::vector<float> final_norm_;
  std::vector<layer_weights> layers_;
};

}  // namespace troupe
