#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/tokenizer/byte_alphabet.hpp"
#include "runtime/tokenizer/stream_decoder.hpp"
#include "runtime/tokenizer/tiktoken.hpp"
#include "runtime/tokenizer/tokenizer.hpp"

namespace {

/// Takes the input apart: bytes that choose, then short strings, then the text.
class source {
 public:
  explicit source(std::string_view rest) : rest_(rest) {}

  std::uint8_t byte() {
    if (rest_.empty()) return 0;
    const auto b = static_cast<std::uint8_t>(rest_[0]);
    rest_.remove_prefix(1);
    return b;
  }
  std::string_view piece(std::size_t most) {
    const std::string_view taken = rest_.substr(0, byte() % (most + 1));
    rest_.remove_prefix(taken.size() < rest_.size() ? taken.size() : rest_.size());
    return taken;
  }
  [[nodiscard]] std::string_view rest() const { return rest_; }

 private:
  std::string_view rest_;
};

void require(bool holds) {
  if (!holds) std::abort();
}

troupe::tokenizer_spec any_spec(source& in) {
  troupe::tokenizer_spec spec;
  const std::uint8_t options = in.byte();
  if ((options & 1) != 0)
    for (int b = 0; b < 256; ++b)
      spec.tokens.push_back(troupe::text::to_byte_alphabet(std::string(1, static_cast<char>(b))));
  spec.nfc = (options & 2) != 0;
  spec.add_prefix_space = (options & 4) != 0;
  spec.ignore_merges = (options & 8) != 0;
  spec.split = static_cast<troupe::pre_tokenizer>(options >> 4 & 3);
  for (int n = in.byte() % 16; n > 0; --n) {
    const std::string left(in.piece(8));
    const std::string right(in.piece(8));
    spec.tokens.push_back(left + right);
    spec.merges.emplace_back(left, right);
  }
  for (int n = in.byte() % 8; n > 0; --n) {
    const std::uint8_t flags = in.byte();
    // In the vocabulary, past it, or past every bound (between, only memory is spent).
    const troupe::token_id id = in.byte() << ((flags & 32) != 0 ? 23 : 1);
    spec.added.push_back({.id = id,
                          .content = std::string(in.piece(8)),
                          .special = (flags & 1) != 0,
                          .normalized = (flags & 2) != 0,
                          .lstrip = (flags & 4) != 0,
                          .rstrip = (flags & 8) != 0,
                          .single_word = (flags & 16) != 0});
  }
  return spec;
}

/// What holds for every tokenizer and text.
void exercise(const troupe::tokenizer_spec& spec, std::string_view text) {
  const auto made = troupe::tokenizer::create(spec);
  if (!made) {
    require(made.error().message().find('\n') == std::string::npos);
    return;
  }
  const troupe::tokenizer& tokens = **made;
  for (const bool parse_special : {false, true}) {
    const auto ids = tokens.encode(text, {.parse_special = parse_special});
    troupe::stream_decoder stream(*made, false);
    std::string streamed;
    for (const troupe::token_id id : ids) {
      require(id >= 0 && static_cast<std::size_t>(id) < tokens.vocabulary_size());
      streamed += stream.push(id);
    }
    require(streamed + stream.finish() == tokens.decode(ids));
  }
}

std::shared_ptr<const troupe::tokenizer> with_split(troupe::pre_tokenizer split) {
  std::vector<std::string> ranks;
  ranks.reserve(256 + 7);
  for (int b = 0; b < 256; ++b) ranks.emplace_back(1, static_cast<char>(b));
  for (const char* pair : {"  ", "aa", "aaaa", "th", "the", "\xE4\xBD", "\r\n"})
    ranks.emplace_back(pair);
  troupe::tokenizer_spec spec = troupe::spec_from_ranks(ranks);
  spec.split = split;
  auto made = troupe::tokenizer::create(spec);
  require(made.has_value());
  return *made;
}

/// The 256 bytes and some pairs: whatever the text, it comes back.
void round_trip(std::string_view text, std::size_t split) {
  static const std::array tokenizers = {
      with_split(troupe::pre_tokenizer::gpt2), with_split(troupe::pre_tokenizer::qwen2),
      with_split(troupe::pre_tokenizer::llama3), with_split(troupe::pre_tokenizer::smollm)};
  const troupe::tokenizer& tokens = *tokenizers[split % tokenizers.size()];
  std::string back;
  for (const troupe::token_id id : tokens.encode(text)) back += tokens.bytes(id);
  require(back == text);
}

}  // namespace

/// The first byte chooses: a tiktoken file, a specification with a text, or a text alone.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  source in({reinterpret_cast<const char*>(data), size});
  const std::uint8_t kind = in.byte();
  if (kind % 3 == 0) {
    const auto ranks = troupe::parse_tiktoken(in.rest());
    if (ranks) exercise(troupe::spec_from_ranks(*ranks), in.rest());
  } else if (kind % 3 == 1) {
    const troupe::tokenizer_spec spec = any_spec(in);
    exercise(spec, in.rest());
  } else {
    round_trip(in.rest(), kind / 3);
  }
  return 0;
}
