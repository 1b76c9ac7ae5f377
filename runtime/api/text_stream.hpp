#pragma once

#include <memory>
#include <string>
#include <vector>

#include "runtime/api/stop_matcher.hpp"
#include "runtime/tokenizer/stream_decoder.hpp"

namespace troupe {

/// One choice's tokens turned into the text a person sees: whole characters, cut at the first stop
/// string. Not shared between threads.
class text_stream {
 public:
  text_stream(std::shared_ptr<const tokenizer> tokens, std::vector<std::string> stops,
              bool include_stop = false, bool skip_special = true);

  /// The text that has become certain with this token; often empty. Tokens that end a choice (end
  /// of sequence, stop tokens) are not pushed. Where `may_stop` is false stop strings do not count
  /// yet (min_tokens).
  [[nodiscard]] std::string push(token_id id, bool may_stop = true);
  /// The choice has ended by itself: the text still held back.
  [[nodiscard]] std::string finish();
  /// A stop string was met: the choice is over, whatever tokens follow.
  [[nodiscard]] bool stopped() const { return matcher_.matched(); }
  /// Characters (code points) decoded so far, held back or not: where the next token's text starts.
  [[nodiscard]] std::size_t characters() const { return characters_; }

 private:
  stream_decoder decoder_;
  stop_matcher matcher_;
  std::size_t characters_ = 0;
};

/// Code points of UTF-8 text.
[[nodiscard]] std::size_t count_characters(std::string_view text);

}  // namespace troupe
