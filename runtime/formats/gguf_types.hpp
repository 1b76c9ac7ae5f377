#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "kernels/api/dtype.hpp"

namespace troupe {

/// The element type for a GGUF tensor type number; nothing for one that troupe does not read.
[[nodiscard]] std::optional<kernels::dtype> from_gguf_tensor_type(std::uint32_t number);

/// The name GGUF gives a tensor type ("Q5_K"), or "type 99" for a number without one.
[[nodiscard]] std::string gguf_tensor_type_name(std::uint32_t number);

}  // namespace troupe
