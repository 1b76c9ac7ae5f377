#include "runtime/formats/tensor_table.hpp"

#include <fmt/ranges.h>

#include <utility>

namespace troupe {

result<std::uint64_t> payload_bytes(kernels::dtype type, std::span<const std::uint64_t> shape) {
  const kernels::dtype_info layout = kernels::info(type);
  const std::uint64_t inner = shape.empty() ? 1 : shape.back();
  if (inner % layout.block_elements != 0)
    return fail(errc::corrupt, "its rows of {} are not a multiple of {}'s block of {}", inner,
                layout.name, layout.block_elements);
  std::uint64_t bytes = layout.block_bytes;
  if (__builtin_mul_overflow(bytes, inner / layout.block_elements, &bytes))
    return fail(errc::corrupt, "its shape {} overflows", to_string(shape));
  for (std::size_t i = 0; i < shape.size(); ++i) {
    if (shape[i] == 0) return fail(errc::corrupt, "its shape {} is empty", to_string(shape));
    if (i + 1 < shape.size() && __builtin_mul_overflow(bytes, shape[i], &bytes))
      return fail(errc::corrupt, "its shape {} overflows", to_string(shape));
  }
  return bytes;
}

std::string to_string(std::span<const std::uint64_t> shape) {
  return fmt::format("[{}]", fmt::join(shape.begin(), shape.end(), ", "));
}

result<void> tensor_table::add(stored_tensor tensor) {
  if (index_.contains(tensor.name))
    return fail(errc::corrupt, "tensor '{}' is there twice", tensor.name);
  const stored_tensor& kept = tensors_.emplace_back(std::move(tensor));
  index_.emplace(kept.name, &kept);
  return {};
}

const stored_tensor* tensor_table::find(std::string_view name) const {
  const auto found = index_.find(name);
  return found == index_.end() ? nullptr : found->second;
}

}  // namespace troupe
