#include "runtime/tokenizer/stream_decoder.hpp"

#include <utility>

#include "runtime/tokenizer/utf8.hpp"

namespace troupe {

stream_decoder::stream_decoder(std::shared_ptr<const tokenizer> tokens, bool skip_special)
    : tokens_(std::move(tokens)), skip_special_(skip_special) {}

std::string stream_decoder::push(token_id id) {
  std::string text;
  if (skip_special_ && tokens_->is_special(id)) return text;
  pending_ += tokens_->bytes(id);
  pending_.erase(0, text::append_lossy(text, pending_));
  return text;
}

std::string stream_decoder::finish() {
  // Less than a character is ever pending: the start of one that did not come.
  return std::exchange(pending_, {}).empty() ? std::string() : std::string(text::replacement);
}

}  // namespace troupe
