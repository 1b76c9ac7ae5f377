#pragma once

#include "runtime/base/result.hpp"
#include "runtime/formats/gguf_metadata.hpp"
#include "runtime/tokenizer/spec.hpp"

namespace troupe {

/// The tokenizer that a GGUF file's metadata describes (`tokenizer.ggml.*`, byte-level BPE).
/// Fails with `unsupported`, naming the kind, for other tokenizers and other ways of splitting
/// words, and with `corrupt` where the parts contradict each other.
[[nodiscard]] result<tokenizer_spec> read_gguf_tokenizer(const gguf_metadata& metadata);

}  // namespace troupe
