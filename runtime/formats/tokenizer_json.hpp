#pragma once

#include <boost/json/value.hpp>
#include <string>

#include "runtime/base/result.hpp"
#include "runtime/tokenizer/spec.hpp"

namespace troupe {

/// The tokenizer that a parsed tokenizer.json describes. Byte-level BPE only; fails with
/// `unsupported`, naming the kind, for another model, normalizer, pre-tokenizer, post-processor or
/// decoder, and with `corrupt` where the parts contradict each other.
[[nodiscard]] result<tokenizer_spec> read_tokenizer_json(const boost::json::value& file);

/// Adds what tokenizer_config.json says: BOS, EOS, unknown and padding tokens, and a BOS or EOS
/// around every text where `add_bos_token` or `add_eos_token` asks for one that the tokenizer's own
/// template does not add.
[[nodiscard]] result<void> apply_tokenizer_config(const boost::json::object& config,
                                                  tokenizer_spec& out);

/// The chat template in tokenizer_config.json: a string, or the one named "default" of a list.
/// Empty where there is none.
[[nodiscard]] result<std::string> read_chat_template(const boost::json::object& config);

}  // namespace troupe
