#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <vector>

#include "kernels/api/matrix.hpp"
#include "runtime/base/result.hpp"
#include "runtime/formats/tensor_table.hpp"
#include "runtime/model/weight_names.hpp"

namespace troupe {

/// Turns stored tensors into matrices that kernels can read, and owns what had to be copied for
/// that: elements that are not aligned in the file, and FP8 scales that are not aligned float32.
class weight_store {
 public:
  weight_store() = default;
  weight_store(weight_store&&) = default;
  weight_store& operator=(weight_store&&) = default;
  weight_store(const weight_store&) = delete;
  weight_store& operator=(const weight_store&) = delete;
  ~weight_store() = default;

  /// The matrix of `rows` x `cols` under that name; it stays valid as long as this object and the
  /// tensors' bytes. A slice is one of exactly `slices` matrices of a tensor of three dimensions.
  /// Fails with `corrupt` where the tensor is missing or its shape is another.
  [[nodiscard]] result<kernels::matrix> matrix(const tensor_table& tensors,
                                               const weight_name& where, std::uint32_t rows,
                                               std::uint32_t cols, std::uint32_t slices);

 private:
  [[nodiscard]] const std::byte* aligned(const stored_tensor& tensor);
  [[nodiscard]] result<const float*> scales(const tensor_table& tensors,
                                            const stored_tensor& weights);

  // Deques: growing them leaves earlier buffers where they are.
  std::deque<std::vector<std::byte>> copies_;
  std::deque<std::vector<float>> scales_;
  const stored_tensor* last_copied_ = nullptr;  ///< slices of one tensor share a copy
};

}  // namespace troupe
