// No text takes more than near-linear work: measured in steps where it can be, else by finishing.
#include <doctest/doctest.h>

#include <functional>

#include "runtime/tokenizer/merger.hpp"
#include "tests/runtime/tokenizer/support.hpp"

namespace troupe::test {
namespace {

std::size_t steps_for(std::size_t length, const std::function<token_id(std::size_t)>& symbol) {
  // 0 and 1 merge with each other and themselves, level upon level.
  text::pair_map rules(400);
  std::uint32_t next = 2;
  for (std::uint32_t a = 0; a < 18; ++a)
    for (std::uint32_t b = 0; b < 18; ++b)
      if (next < 400) rules.insert(a, b, {next, next}), ++next;
  text::merger merge(rules);
  std::vector<token_id> symbols(length);
  for (std::size_t i = 0; i < length; ++i) symbols[i] = symbol(i);
  merge.merge(symbols);
  return merge.steps();
}

TEST_CASE("merging a word twice as long takes about twice the steps") {
  const std::function<token_id(std::size_t)> shapes[] = {
      [](std::size_t) { return 0; }, [](std::size_t i) { return static_cast<token_id>(i % 2); },
      [](std::size_t i) { return static_cast<token_id>(i * 2654435761U >> 7 & 1); }};
  for (const auto& shape : shapes) {
    const std::size_t once = steps_for(50'000, shape);
    const std::size_t twice = steps_for(100'000, shape);
    CHECK(once < 50'000 * 8);
    CHECK(static_cast<double>(twice) < 2.1 * static_cast<double>(once));
  }
}

std::string repeated(std::string_view part, std::size_t size) {
  std::string text;
  while (text.size() < size) text += part;
  return text;
}

TEST_CASE("a megabyte of anything is encoded, and comes back") {
  auto tokens = qwen();
  if (tokens == nullptr) tokens = make(tiny_spec("tiny-qwen3"));
  constexpr std::size_t size = std::size_t{1} << 20;
  std::mt19937 random(5);
  std::string letters;
  while (letters.size() < size) letters.push_back("etaoinshrdlu"[random() % 12]);
  const std::pair<std::string, std::string> texts[] = {
      {"one letter", std::string(size, 'a')},
      {"spaces", std::string(size, ' ')},
      {"newlines", std::string(size, '\n')},
      {"digits", std::string(size, '7')},
      {"symbols", std::string(size, '!')},
      {"one word", letters},
      {"half a special token", repeated("<|im_start", size)},
      {"Chinese", repeated("\u4f60\u597d\uff0c\u4e16\u754c\uff01", size)},
      {"ordinary", repeated("The quick brown fox, it's said, jumped 2 lazy dogs.\n", size)}};
  for (const auto& entry : texts) {
    const std::string& text = entry.second;
    CAPTURE(entry.first);
    CHECK(tokens->decode(tokens->encode(text)) == text);
  }
}

}  // namespace
}  // namespace troupe::test
