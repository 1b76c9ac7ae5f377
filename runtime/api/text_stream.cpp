#include "runtime/api/text_stream.hpp"

#include <algorithm>
#include <utility>

namespace troupe {

std::size_t count_characters(std::string_view text) {
  // Every byte but a continuation (10xxxxxx) begins one.
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U;
  }));
}

text_stream::text_stream(std::shared_ptr<const tokenizer> tokens, std::vector<std::string> stops,
                         bool include_stop, bool skip_special)
    : decoder_(std::move(tokens), skip_special), matcher_(std::move(stops), include_stop) {}

std::string text_stream::push(token_id id, bool may_stop) {
  if (stopped()) return {};
  const std::string text = decoder_.push(id);
  characters_ += count_characters(text);
  return may_stop ? matcher_.push(text) : matcher_.pass(text);
}

std::string text_stream::finish() {
  if (stopped()) return {};
  const std::string rest = decoder_.finish();
  characters_ += count_characters(rest);
  std::string out = matcher_.push(rest);
  out += matcher_.finish();
  return out;
}

}  // namespace troupe
