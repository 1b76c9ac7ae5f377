#include "runtime/model/weight_store.hpp"

#include <utility>

#include "runtime/model/float_vector.hpp"

namespace troupe {
namespace {

constexpr std::uint64_t scale_block = 128;

std::size_t element_alignment(kernels::dtype type) {
  switch (type) {
    case kernels::dtype::f32:
      return 4;
    case kernels::dtype::f8_e4m3:
      return 1;
    default:
      return 2;  // 16-bit elements, and blocks that begin with a 16-bit scale
  }
}

bool is_aligned(const std::byte* data, std::size_t alignment) {
  return reinterpret_cast<std::uintptr_t>(data) % alignment == 0;
}

}  // namespace

result<kernels::matrix> weight_store::matrix(const tensor_table& tensors, const weight_name& where,
                                             std::uint32_t rows, std::uint32_t cols,
                                             std::uint32_t slices) {
  const stored_tensor* const tensor = tensors.find(where.tensor);
  if (tensor == nullptr) return fail(errc::corrupt, "tensor '{}' is missing", where.tensor);
  const std::vector<std::uint64_t> expected = where.slice
                                                  ? std::vector<std::uint64_t>{slices, rows, cols}
                                                  : std::vector<std::uint64_t>{rows, cols};
  if (tensor->shape != expected)
    return fail(errc::corrupt, "tensor '{}' has the shape {}, must be {}", where.tensor,
                to_string(tensor->shape), to_string(expected));
  kernels::matrix out;
  out.type = tensor->type;
  out.rows = rows;
  out.cols = cols;
  out.data = aligned(*tensor);
  if (where.slice) out.data += *where.slice * out.bytes();
  if (tensor->type == kernels::dtype::f8_e4m3) {
    const auto found = scales(tensors, *tensor);
    if (!found) return fail(found.error());
    out.scales = *found;
  }
  return out;
}

const std::byte* weight_store::aligned(const stored_tensor& tensor) {
  if (is_aligned(tensor.data.data(), element_alignment(tensor.type))) return tensor.data.data();
  if (last_copied_ != &tensor) {
    copies_.emplace_back(tensor.data.begin(), tensor.data.end());
    last_copied_ = &tensor;
  }
  return copies_.back().data();
}

result<const float*> weight_store::scales(const tensor_table& tensors,
                                          const stored_tensor& weights) {
  const std::string name = weights.name + "_scale_inv";
  const stored_tensor* const stored = tensors.find(name);
  if (stored == nullptr)
    return fail(errc::unsupported, "tensor '{}' is F8_E4M3 without block scales: '{}' is missing",
                weights.name, name);
  const std::vector<std::uint64_t> expected{(weights.shape[0] + scale_block - 1) / scale_block,
                                            (weights.shape[1] + scale_block - 1) / scale_block};
  if (stored->shape != expected)
    return fail(errc::corrupt, "tensor '{}' has the shape {}, must be {}", name,
                to_string(stored->shape), to_string(expected));
  if (stored->type == kernels::dtype::f32 && is_aligned(stored->data.data(), alignof(float)))
    return reinterpret_cast<const float*>(stored->data.data());
  auto converted = to_floats(*stored);
  if (!converted) return fail(std::move(converted.error()));
  return scales_.emplace_back(std::move(*converted)).data();
}

}  // namespace troupe
