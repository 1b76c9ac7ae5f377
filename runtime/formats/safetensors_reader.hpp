#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "runtime/base/result.hpp"
#include "runtime/formats/tensor_table.hpp"

namespace troupe {

/// The tensors of one safetensors file, in the order of their data. `bytes` must outlive the
/// result. Types: F32, F16, BF16, F8_E4M3.
///
/// Checked: the header's length, its JSON, duplicate names, shapes against offsets; the tensors
/// must fill the data without gap or overlap. Fails with `corrupt`, or with `unsupported`, naming
/// the tensor, for another type.
[[nodiscard]] result<std::vector<stored_tensor>> parse_safetensors(
    std::span<const std::byte> bytes);

}  // namespace troupe
