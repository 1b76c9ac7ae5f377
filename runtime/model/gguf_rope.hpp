#pragma once

#include "runtime/base/result.hpp"
#include "runtime/formats/tensor_table.hpp"
#include "runtime/model/gguf_fields.hpp"
#include "runtime/model/rope_scaling.hpp"

namespace troupe {

/// The rotary embedding's parameters from `rope.*` keys. `context` stands in for an original
/// context that the file leaves out.
[[nodiscard]] result<rope_parameters> read_gguf_rope(gguf_fields& fields, std::uint32_t head_dim,
                                                     std::uint32_t context);

/// Divides the frequencies by the tensor `rope_freqs.weight`, where the file has it: how GGUF
/// carries llama3's scaling.
[[nodiscard]] result<void> apply_rope_factors(const tensor_table& tensors, rope_config& rope);

}  // namespace troupe
