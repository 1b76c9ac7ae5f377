#include "runtime/sampling/token_guide.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "tests/runtime/sampling/vocabulary.hpp"

namespace troupe {
namespace {

using tokens = std::vector<token_id>;
using bits = std::vector<std::uint32_t>;

const std::string person =
    R"({"type":"json_schema","max_whitespace_cnt":2,"json_schema":{"type":"object",
        "properties":{"name":{"type":"string","maxLength":12},"age":{"type":"integer"},
                      "likes":{"type":"array","items":{"enum":["tea","rain"]},"maxItems":3}},
        "required":["name","age"]}})";

/// The token that is exactly this text; -1: there is none.
token_id token_of(std::string_view text) {
  for (token_id t = 0; t < token_id{test::tiny_vocab}; ++t)
    if (test::tiny_tokenizer()->bytes(t) == text) return t;
  return -1;
}

bool has(const bits& row, token_id token) {
  const auto t = static_cast<std::uint32_t>(token);
  return (row[t / 32] >> t % 32 & 1U) != 0;
}

/// The masks behind `drawn` and behind each of `guessed`.
std::vector<bits> masks(token_guide& guide, const tokens& drawn, const tokens& guessed = {},
                        std::uint32_t least = 0) {
  std::vector<bits> rows(guessed.size() + 1, bits((test::tiny_vocab + 31) / 32));
  std::vector<std::span<std::uint32_t>> out(rows.begin(), rows.end());
  guide.fill(drawn, guessed, least, out);
  return rows;
}

tokens allowed(const bits& row) {
  tokens out;
  for (std::uint32_t t = 0; t < test::tiny_vocab; ++t)
    if (has(row, static_cast<token_id>(t))) out.push_back(static_cast<token_id>(t));
  return out;
}

/// Draws at random what is allowed, and rather an end than none, until the end.
tokens wander(const guide_rule& rule, const std::string& format, std::uint32_t seed,
              std::size_t most = 400) {
  token_guide guide(test::compiled(format), rule);
  std::mt19937 random(seed);
  tokens drawn;
  while (drawn.size() < most) {
    const tokens may = allowed(masks(guide, drawn).front());
    REQUIRE_FALSE(may.empty());
    const bool can_end = std::ranges::find(may, test::tiny_end) != may.end();
    drawn.push_back(can_end && random() % 2 == 0 ? test::tiny_end : may[random() % may.size()]);
    if (drawn.back() == test::tiny_end) break;
  }
  return drawn;
}

std::string text_of(tokens drawn) {
  if (!drawn.empty() && drawn.back() == test::tiny_end) drawn.pop_back();
  return test::tiny_tokenizer()->decode(drawn);
}

TEST_CASE("whatever is drawn of what is allowed is of the schema when it ends") {
  std::size_t ended = 0;
  for (std::uint32_t seed = 0; seed < 40; ++seed) {
    CAPTURE(seed);
    const tokens drawn = wander({test::tag_of(person), -1, -1}, person, seed);
    if (drawn.back() != test::tiny_end) continue;
    ++ended;
    CAPTURE(text_of(drawn));
    const auto value = boost::json::parse(text_of(drawn));
    CHECK(value.at("name").is_string());
    CHECK((value.at("age").is_int64() || value.at("age").is_number()));
  }
  CHECK(ended > 20);
}

TEST_CASE("a choice is one of those given, and a regular expression matches") {
  const std::string choice =
      R"({"type":"or","elements":[{"type":"const_string","value":"red"},
                                  {"type":"const_string","value":"green"}]})";
  std::set<std::string> seen;
  for (std::uint32_t seed = 0; seed < 20; ++seed)
    seen.insert(text_of(wander({test::tag_of(choice), -1, -1}, choice, seed)));
  CHECK(seen == std::set<std::string>{"green", "red"});
  const std::string regex = R"({"type":"regex","pattern":"[0-9]{3}-[0-9]{2}"})";
  for (std::uint32_t seed = 0; seed < 10; ++seed) {
    const std::string text = text_of(wander({test::tag_of(regex), -1, -1}, regex, seed));
    REQUIRE(text.size() == 6);
    CHECK(text[3] == '-');
  }
}

TEST_CASE("only the end may follow what is complete, and nothing ends before") {
  const std::string format = R"({"type":"regex","pattern":"ab?"})";
  token_guide guide(test::compiled(format), {test::tag_of(format), -1, -1});
  const token_id a = token_of("a");
  const token_id b = token_of("b");
  CHECK_FALSE(has(masks(guide, {}).front(), test::tiny_end));
  CHECK(has(masks(guide, {a}).front(), test::tiny_end));
  CHECK(has(masks(guide, {a}).front(), b));
  CHECK(allowed(masks(guide, {a, b}).front()) == tokens{test::tiny_end});
  SUBCASE("with a least length it goes on where it can") {
    token_guide longer(test::compiled(format), {test::tag_of(format), -1, -1});
    CHECK_FALSE(has(masks(longer, {a}, {}, 5).front(), test::tiny_end));
    CHECK(allowed(masks(longer, {a, b}, {}, 5).front()) == tokens{test::tiny_end});
  }
}

TEST_CASE("masks are a function of the tokens, guessed or drawn, at once or one by one") {
  const guide_rule rule{test::tag_of(person), -1, -1};
  for (std::uint32_t seed = 0; seed < 12; ++seed) {
    CAPTURE(seed);
    const tokens drawn = wander(rule, person, seed, 60);
    token_guide slow(test::compiled(person), rule);
    token_guide guessing(test::compiled(person), rule);
    std::mt19937 random(seed);
    for (std::size_t at = 0; at < drawn.size(); ++at) {
      const tokens before(drawn.begin(), drawn.begin() + static_cast<std::ptrdiff_t>(at));
      const bits expected = masks(slow, before).front();
      // Some guesses are right, and some are wrong from a place on.
      const std::size_t ahead = std::min<std::size_t>(random() % 5, drawn.size() - at);
      tokens guessed(drawn.begin() + static_cast<std::ptrdiff_t>(at),
                     drawn.begin() + static_cast<std::ptrdiff_t>(at + ahead));
      if (random() % 2 == 0) guessed.push_back(static_cast<token_id>(random() % 700));
      const auto rows = masks(guessing, before, guessed);
      CHECK(rows.front() == expected);
      for (std::size_t k = 1; k <= ahead; ++k) {
        const tokens longer(drawn.begin(), drawn.begin() + static_cast<std::ptrdiff_t>(at + k));
        token_guide anew(test::compiled(person), rule);
        CHECK(rows[k] == masks(anew, longer).front());
      }
    }
  }
}

TEST_CASE("a thought is free but for the end, and what follows it is held") {
  const std::string format = R"({"type":"regex","pattern":"[0-9]+"})";
  const auto structure = test::compiled(format);
  const token_id one = token_of("1");
  const token_id x = token_of("x");
  const token_id line = token_of("\n");
  const bool has_line = line >= 0;

  SUBCASE("the prompt has opened it") {
    token_guide guide(structure, {test::tag_of(format), -1, test::tiny_think_end});
    CHECK(allowed(masks(guide, {}).front()).size() == test::tiny_vocab - 1);
    CHECK_FALSE(has(masks(guide, {x, x}).front(), test::tiny_end));
    const bits behind = masks(guide, {x, x, test::tiny_think_end}).front();
    CHECK(has(behind, one));
    CHECK_FALSE(has(behind, x));
    if (has_line) {
      CHECK(has(behind, line));
      const bits later = masks(guide, {x, x, test::tiny_think_end, line}).front();
      CHECK(has(later, one));
      CHECK_FALSE(has(later, x));
      CHECK_FALSE(has(masks(guide, {x, x, test::tiny_think_end, line, one}).front(), line));
    }
  }
  SUBCASE("the answer may open it") {
    token_guide guide(structure, {test::tag_of(format), test::tiny_think, test::tiny_think_end});
    const bits first = masks(guide, {}).front();
    CHECK(has(first, test::tiny_think));
    CHECK(has(first, one));
    CHECK_FALSE(has(first, x));
    CHECK(has(masks(guide, {test::tiny_think}).front(), x));
  }
  SUBCASE("or go without") {
    token_guide guide(structure, {test::tag_of(format), test::tiny_think, test::tiny_think_end});
    const bits later = masks(guide, {one}).front();
    CHECK(has(later, one));
    CHECK(has(later, test::tiny_end));
    CHECK_FALSE(has(later, test::tiny_think));
  }
}

TEST_CASE("behind a token that is not of the structure there is only the end") {
  const std::string format = R"({"type":"regex","pattern":"[0-9]+"})";
  token_guide guide(test::compiled(format), {test::tag_of(format), -1, -1});
  const token_id x = token_of("x");
  CHECK(allowed(masks(guide, {x}).front()) == tokens{test::tiny_end});
  CHECK(allowed(masks(guide, {x, x}).front()) == tokens{test::tiny_end});
}

TEST_CASE("what is no structure is refused in one line") {
  const structure_compiler compiler(*test::tiny_tokenizer(), test::tiny_vocab, {test::tiny_end});
  for (const char* format :
       {"", "{", R"({"type":"regex","pattern":"(a"})", R"({"type":"grammar","grammar":"x ::= y"})",
        R"({"type":"json_schema","json_schema":{"type":"nothing"}})",
        R"({"type":"json_schema","json_schema":{"$ref":"#/$defs/missing"}})",
        R"({"type":"none"})"}) {
    CAPTURE(format);
    const auto made = compiler.compile(test::tag_of(format));
    REQUIRE_FALSE(made);
    CHECK(made.error().code() == errc::invalid_argument);
    CHECK_FALSE(made.error().message().empty());
    CHECK(made.error().message().find('\n') == std::string::npos);
  }
}

}  // namespace
}  // namespace troupe
