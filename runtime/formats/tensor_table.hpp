#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "kernels/api/dtype.hpp"
#include "runtime/base/result.hpp"

namespace troupe {

/// A tensor as it lies in a file. `data` is borrowed from the file's mapping, may be unaligned, and
/// holds exactly `payload_bytes(type, shape)` bytes.
struct stored_tensor {
  std::string name;
  kernels::dtype type = kernels::dtype::f32;
  std::vector<std::uint64_t> shape;  ///< outermost first
  std::span<const std::byte> data;
};

/// Bytes that a tensor of this type and shape (outermost first) takes. Fails with `corrupt` where a
/// dimension is zero, the innermost one is not a whole number of blocks, or the product overflows.
[[nodiscard]] result<std::uint64_t> payload_bytes(kernels::dtype type,
                                                  std::span<const std::uint64_t> shape);

/// "[709, 64]".
[[nodiscard]] std::string to_string(std::span<const std::uint64_t> shape);

/// The tensors of a model by name, in the order in which they were added.
class tensor_table {
 public:
  tensor_table() = default;
  tensor_table(tensor_table&&) = default;
  tensor_table& operator=(tensor_table&&) = default;
  tensor_table(const tensor_table&) = delete;
  tensor_table& operator=(const tensor_table&) = delete;
  ~tensor_table() = default;

  /// Fails with `corrupt` where the name is already there.
  [[nodiscard]] result<void> add(stored_tensor tensor);
  /// Null where there is no such tensor.
  [[nodiscard]] const stored_tensor* find(std::string_view name) const;
  [[nodiscard]] const std::deque<stored_tensor>& all() const { return tensors_; }

 private:
  // A deque never moves its elements, so the index may point at them and at their names. A tree,
  // since names chosen to collide would make a hash table quadratic.
  std::deque<stored_tensor> tensors_;
  std::map<std::string_view, const stored_tensor*> index_;
};

}  // namespace troupe
