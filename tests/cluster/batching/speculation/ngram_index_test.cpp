#include "cluster/batching/speculation/ngram_index.hpp"

#include <doctest/doctest.h>

#include <random>

#include "cluster/batching/speculation/ngram_source.hpp"

namespace troupe::test {
namespace {

using tokens = std::vector<token_id>;

std::optional<ngram_index::match> look_up(const tokens& text) {
  ngram_index index;
  index.extend(text);
  return index.find(text);
}

/// The longest agreement with the end of `text`, of equals the latest, found by looking everywhere.
std::optional<ngram_index::match> look_everywhere(const tokens& text) {
  ngram_index::match best;
  for (std::uint32_t next = 1; next < text.size(); ++next) {
    std::uint32_t length = 0;
    while (length < std::min(next, ngram_index::longest_match) &&
           text[next - 1 - length] == text[text.size() - 1 - length])
      ++length;
    if (length >= ngram_index::least_match && length >= best.length) best = {next, length};
  }
  if (best.length == 0) return std::nullopt;
  return best;
}

TEST_CASE("the place that agrees longest with the end is found, of equals the latest") {
  CHECK_FALSE(look_up({}));
  CHECK_FALSE(look_up({5}));
  CHECK_FALSE(look_up({1, 2, 3, 4}));
  const auto longer = look_up({9, 1, 2, 70, 8, 1, 2, 71, 9, 1, 2});
  REQUIRE(longer);
  CHECK(longer->next == 3);
  CHECK(longer->length == 3);
  const auto later = look_up({3, 1, 2, 70, 4, 1, 2, 71, 5, 1, 2});
  REQUIRE(later);
  CHECK(later->next == 7);
  CHECK(later->length == 2);
}

TEST_CASE("random texts taken in bit by bit give what a look at every place gives") {
  std::mt19937 random(7);
  for (int round = 0; round < 40; ++round) {
    CAPTURE(round);
    // Enough different tokens that no pair has more places than a search looks at.
    const auto alphabet = static_cast<token_id>(12 + random() % 40);
    tokens text;
    ngram_index index;
    for (int i = 0; i < 600; ++i) {
      text.push_back(static_cast<token_id>(random()) % alphabet);
      if (random() % 3 == 0 || i == 599) index.extend(text);
      if (index.size() != text.size()) continue;
      const auto found = index.find(text);
      const auto expected = look_everywhere(text);
      REQUIRE(found.has_value() == expected.has_value());
      if (!found) continue;
      REQUIRE(found->length == expected->length);
      REQUIRE(found->next == expected->next);
    }
  }
}

TEST_CASE("a text of one repeated token is taken in and searched within bounds") {
  const tokens text(100'000, 4);
  const auto found = look_up(text);
  REQUIRE(found);
  CHECK(found->length == ngram_index::longest_match);
  CHECK(found->next == text.size() - 1);
}

TEST_CASE("a guess that reaches the end of the text goes on with itself") {
  CHECK(copy_from(tokens{7, 8, 9}, 1, 7) == tokens{8, 9, 8, 9, 8, 9, 8});
  CHECK(copy_from(tokens{1, 2, 3, 4}, 1, 2) == tokens{2, 3});
}

TEST_CASE("prompt look-up guesses what followed before, and forgets what ended") {
  ngram_source source;
  const tokens text{10, 11, 12, 13, 14, 15, 16, 99, 10, 11, 12};
  source.follow(3, std::span(text).first(4));
  const draft_guess guess = source.propose(3, text, 4);
  CHECK(guess.tokens == tokens{13, 14, 15, 16});
  CHECK(guess.strength < draft_guess::strengths);
  CHECK(source.propose(4, std::span(text).first(7), 4).tokens.empty());
  CHECK(source.sequences() == 2);
  source.forget(3);
  source.forget(4);
  source.forget(5);
  CHECK(source.sequences() == 0);
}

}  // namespace
}  // namespace troupe::test
