#pragma once

#include "runtime/base/result.hpp"
#include "runtime/formats/json_reader.hpp"
#include "runtime/model/rope_scaling.hpp"

namespace troupe {

/// The rotary embedding's parameters from config.json: `rope_parameters`, or the older `rope_theta`
/// and `rope_scaling`. `context` is `max_position_embeddings`. Fails with `unsupported`, naming it,
/// for a kind that troupe does not have.
[[nodiscard]] result<rope_parameters> read_hugging_face_rope(json_fields& config,
                                                             std::uint32_t head_dim,
                                                             std::uint32_t context);

}  // namespace troupe
