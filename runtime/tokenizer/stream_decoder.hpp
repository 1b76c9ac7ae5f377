#pragma once

#include <memory>
#include <string>

#include "runtime/tokenizer/tokenizer.hpp"

namespace troupe {

/// Turns tokens into text as they come, holding back bytes until they are a whole UTF-8 character.
/// One a stream; not shared between threads.
class stream_decoder {
 public:
  explicit stream_decoder(std::shared_ptr<const tokenizer> tokens, bool skip_special = true);

  /// The text that this token completes; often the token's own, sometimes empty.
  [[nodiscard]] std::string push(token_id id);
  /// What is still held back at the end, with U+FFFD for an unfinished character.
  [[nodiscard]] std::string finish();

 private:
  std::shared_ptr<const tokenizer> tokens_;
  std::string pending_;
  bool skip_special_;
};

}  // namespace troupe
