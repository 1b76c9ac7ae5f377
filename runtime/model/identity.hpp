#pragma once

#include <string>

#include "runtime/formats/tensor_table.hpp"
#include "runtime/model/config.hpp"

namespace troupe {

/// SHA-256, in hex, over the configuration, the tensor directory (names, shapes, types) and samples
/// of the content: the first and last 4 KiB of tensors, of at most 4,096 of them spread evenly, so
/// that a large model is not read from disk for it. Two models that differ in more than weights
/// outside the samples differ here; where the files lie plays no part.
[[nodiscard]] std::string model_identity(const model_config& config, const tensor_table& tensors);

}  // namespace troupe
