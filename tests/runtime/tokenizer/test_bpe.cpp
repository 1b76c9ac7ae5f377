#include <doctest/doctest.h>

#include "runtime/tokenizer/merger.hpp"
#include "tests/runtime/tokenizer/support.hpp"

namespace troupe::test {
namespace {

/// Byte-pair encoding as it is defined: the best-ranked pair, leftmost first, one at a time.
std::vector<token_id> merged_by_definition(const text::pair_map& rules,
                                           std::vector<token_id> symbols) {
  for (;;) {
    const text::pair_map::value* best = nullptr;
    std::size_t where = 0;
    for (std::size_t i = 0; i + 1 < symbols.size(); ++i) {
      const auto* rule = rules.find(static_cast<std::uint32_t>(symbols[i]),
                                    static_cast<std::uint32_t>(symbols[i + 1]));
      if (rule != nullptr && (best == nullptr || rule->first < best->first)) {
        best = rule;
        where = i;
      }
    }
    if (best == nullptr) return symbols;
    symbols[where] = static_cast<token_id>(best->second);
    symbols.erase(symbols.begin() + static_cast<std::ptrdiff_t>(where) + 1);
  }
}

TEST_CASE("words of any length merge as the definition says, whatever the ranks") {
  std::mt19937 random(11);
  for (int round = 0; round < 400; ++round) {
    // Rules in no order at all: later products may rank before the pairs they are made of.
    const std::uint32_t letters = 2 + random() % 4;
    text::pair_map rules(60);
    for (std::uint32_t rank = 0; rank < 60; ++rank)
      rules.insert(random() % (letters + rank), random() % (letters + rank),
                   {(rank * 37) % 60, letters + rank});
    text::merger merge(rules);
    std::vector<token_id> symbols(random() % 120);
    for (auto& s : symbols) s = static_cast<token_id>(random() % letters);
    const auto expected = merged_by_definition(rules, symbols);
    symbols.resize(merge.merge(symbols));
    REQUIRE(symbols == expected);
  }
}

TEST_CASE("among equal pairs the leftmost merges first") {
  const auto tokens = make(byte_spec({"aa"}));
  CHECK(tokens->encode("aaa") == std::vector<token_id>{256, 'a'});
}

TEST_CASE("ignore_merges takes a word that is a token whole") {
  tokenizer_spec spec = byte_spec({"ab", "abc"});
  spec.tokens.emplace_back("xyz");  // no merge leads here
  CHECK(make(spec)->encode("xyz") == std::vector<token_id>{'x', 'y', 'z'});
  spec.ignore_merges = true;
  CHECK(make(spec)->encode("xyz") == std::vector<token_id>{258});
  CHECK(make(spec)->encode("abcab") == std::vector<token_id>{257, 256});
}

TEST_CASE("a byte that the vocabulary lacks becomes the unknown token or nothing") {
  tokenizer_spec spec = byte_spec();
  spec.tokens['b'].clear();
  CHECK(make(spec)->encode("abc") == std::vector<token_id>{'a', 'c'});
  spec.unknown = 7;
  CHECK(make(spec)->encode("abc") == std::vector<token_id>{'a', 7, 'c'});
  spec.added = {{.id = 256, .content = "<unk>", .special = true}};
  spec.unknown = 256;
  CHECK(make(spec)->encode("abc") == std::vector<token_id>{'a', 'c'});
}

TEST_CASE("a space goes before the text where the model wants one") {
  tokenizer_spec spec = byte_spec();
  spec.add_prefix_space = true;
  CHECK(make(spec)->encode("a") == std::vector<token_id>{' ', 'a'});
  CHECK(make(spec)->encode(" a") == std::vector<token_id>{' ', 'a'});
  CHECK(make(spec)->encode("").empty());
}

}  // namespace
}  // namespace troupe::test
