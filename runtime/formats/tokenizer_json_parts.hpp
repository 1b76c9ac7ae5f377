#pragma once

#include "runtime/formats/tokenizer_json.hpp"

namespace troupe {

// The parts of tokenizer.json, each read into its fields of the specification.

/// "model": vocabulary and merges.
[[nodiscard]] result<void> read_bpe_model(const boost::json::object& file, tokenizer_spec& out);
/// "added_tokens"; after the vocabulary.
[[nodiscard]] result<void> read_added_tokens(const boost::json::object& file, tokenizer_spec& out);
/// "normalizer" and "pre_tokenizer".
[[nodiscard]] result<void> read_splitting(const boost::json::object& file, tokenizer_spec& out);
/// "post_processor" and "decoder"; after the vocabulary.
[[nodiscard]] result<void> read_processing(const boost::json::object& file, tokenizer_spec& out);

}  // namespace troupe
