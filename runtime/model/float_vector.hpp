#pragma once

#include <cstdint>
#include <vector>

#include "runtime/base/result.hpp"
#include "runtime/formats/tensor_table.hpp"

namespace troupe {

/// A tensor of one dimension and `length` elements as float32. Reads F32, F16 and BF16; fails with
/// `unsupported` for other types and with `corrupt` for another shape.
[[nodiscard]] result<std::vector<float>> to_floats(const stored_tensor& tensor,
                                                   std::uint64_t length);

/// The elements of a tensor of any shape as float32; types as above.
[[nodiscard]] result<std::vector<float>> to_floats(const stored_tensor& tensor);

}  // namespace troupe
