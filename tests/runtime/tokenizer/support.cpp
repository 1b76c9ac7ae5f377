#include "tests/runtime/tokenizer/support.hpp"

#include <doctest/doctest.h>

#include <fstream>
#include <iterator>

#include "runtime/formats/tokenizer_json.hpp"
#include "runtime/tokenizer/byte_alphabet.hpp"
#include "runtime/tokenizer/tiktoken.hpp"
#include "tests/support/paths.hpp"

namespace troupe::test {
namespace json = boost::json;

std::string read_file(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  REQUIRE_MESSAGE(in.good(), "cannot read ", path.string());
  return {std::istreambuf_iterator<char>(in), {}};
}

json::value read_json(const std::filesystem::path& path) { return json::parse(read_file(path)); }

std::vector<token_id> ids_of(const json::value& array) {
  return json::value_to<std::vector<token_id>>(array);
}

added_token added_of(const json::value& token) {
  const auto flag = [&](std::string_view name) { return token.at(name).as_bool(); };
  return {.id = token.at("id").to_number<token_id>(),
          .content = json::value_to<std::string>(token.at("content")),
          .special = flag("special"),
          .normalized = flag("normalized"),
          .lstrip = flag("lstrip"),
          .rstrip = flag("rstrip"),
          .single_word = flag("single_word")};
}

tokenizer_spec tiny_spec(std::string_view model) {
  auto spec = read_tokenizer_json(
      read_json(reference() / "models" / std::string(model) / "tokenizer.json"));
  REQUIRE_MESSAGE(spec.has_value(), spec.error().message());
  return *spec;
}

tokenizer_spec byte_spec(const std::vector<std::string>& words) {
  tokenizer_spec spec;
  for (int byte = 0; byte < 256; ++byte)
    spec.tokens.push_back(text::to_byte_alphabet(std::string(1, static_cast<char>(byte))));
  for (const std::string& word : words) {
    const std::string_view all = word;
    spec.tokens.push_back(text::to_byte_alphabet(all));
    spec.merges.emplace_back(text::to_byte_alphabet(all.substr(0, all.size() - 1)),
                             text::to_byte_alphabet(all.substr(all.size() - 1)));
  }
  return spec;
}

std::shared_ptr<const tokenizer> make(const tokenizer_spec& spec) {
  auto made = tokenizer::create(spec);
  REQUIRE_MESSAGE(made.has_value(), made.error().message());
  return *made;
}

std::string reject(const tokenizer_spec& spec, errc code) {
  const auto made = tokenizer::create(spec);
  REQUIRE_FALSE(made.has_value());
  CHECK(made.error().code() == code);
  return made.error().message();
}

std::shared_ptr<const tokenizer> qwen() {
  const auto path = qwen_vocabulary();
  if (path.empty()) return nullptr;
  const auto ranks = parse_tiktoken(read_file(path));
  REQUIRE_MESSAGE(ranks.has_value(), ranks.error().message());
  tokenizer_spec spec = spec_from_ranks(*ranks);
  spec.split = pre_tokenizer::qwen2;
  spec.nfc = true;
  const auto add = [&](token_id id, std::string content, bool special) {
    spec.added.push_back({.id = id, .content = std::move(content), .special = special});
  };
  add(151643, "<|endoftext|>", true);
  add(151644, "<|im_start|>", true);
  add(151645, "<|im_end|>", true);
  add(151657, "<tool_call>", false);
  add(151658, "</tool_call>", false);
  add(151665, "<tool_response>", false);
  add(151666, "</tool_response>", false);
  add(151667, "<think>", false);
  add(151668, "</think>", false);
  return make(spec);
}

std::string nasty_text(std::mt19937& random, std::size_t most, bool broken) {
  static const std::vector<std::string> parts = {
      "'",      "s",      "LL",     " ",      "  ",     "\n",         "\r\n",       "\t",
      "1",      "23",     "x",      "hello",  "\u00e9", "e\u0301",    "\u0323",     "\u3000",
      "\u0085", "\u2028", "\u4f60", "\ud55c", "\u1161", "\U0001f642", "\U0001d7d9", "\u017f",
      "!",      "<|",     "|>",     "_",      "\u200d", "<think>",    "\x01",       "\u24b6"};
  std::string text;
  for (std::size_t n = random() % (most + 1); n > 0; --n) {
    if (broken && random() % 3 == 0) {
      text.push_back(static_cast<char>(random() & 0xFF));
    } else {
      text += parts[random() % parts.size()];
    }
  }
  return text;
}

}  // namespace troupe::test
