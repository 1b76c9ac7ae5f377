#pragma once

#include <string_view>

#include "runtime/model/model_files.hpp"

namespace troupe {

/// How most of a model's weights are stored, in the words of OpenRouter's model listing: "fp32",
/// "fp16", "bf16", "fp8", "int8", "int4", or "unknown" for what it has no word for.
[[nodiscard]] std::string_view quantization_of(const model_files& files);

}  // namespace troupe
