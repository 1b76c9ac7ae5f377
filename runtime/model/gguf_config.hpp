#pragma once

#include "runtime/base/result.hpp"
#include "runtime/formats/gguf_reader.hpp"
#include "runtime/model/config.hpp"
#include "runtime/model/model_files.hpp"

namespace troupe {

/// The configuration in a GGUF file's metadata and in the presence of its tensors, checked. The
/// tokenizer gives the tokens that end a text. Fails with `unsupported` for an architecture or a
/// feature that troupe does not have, naming it, and with `corrupt` for missing or impossible
/// values.
[[nodiscard]] result<model_config> read_gguf_config(const gguf_file& file,
                                                    const tokenizer_spec& tokenizer);

/// Sampling defaults (`general.sampling.*`), where the file has any.
[[nodiscard]] result<generation_defaults> read_gguf_defaults(const gguf_metadata& metadata);

}  // namespace troupe
