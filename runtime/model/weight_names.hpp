#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "runtime/model/model_files.hpp"

namespace troupe {

/// Where a weight matrix is stored: a tensor, or one slice of a tensor of three dimensions.
struct weight_name {
  std::string tensor;
  std::optional<std::uint32_t> slice;
};

/// What a file format calls the weights. `sparse` says whether the layer has routed experts.
struct weight_naming {
  weight_name (*matrix)(matrix_slot slot, std::uint32_t layer, std::uint32_t expert, bool sparse);
  std::string (*vector)(vector_slot slot, std::uint32_t layer);
};

[[nodiscard]] weight_naming gguf_naming();
[[nodiscard]] weight_naming hugging_face_naming();

}  // namespace troupe
