#include "runtime/sampling/short_strings.hpp"

#include <doctest/doctest.h>

#include <boost/json/parse.hpp>
#include <random>
#include <string>
#include <vector>

#include "runtime/sampling/token_guide.hpp"
#include "tests/runtime/sampling/vocabulary.hpp"

namespace troupe {
namespace {

/// A schema's format as a structural tag.
std::string tag(const std::string& schema, const std::string& more = "") {
  return test::tag_of(R"({"type":"json_schema","max_whitespace_cnt":2,"json_schema":)" + schema +
                      more + "}");
}

/// The members of a schema that stand for a length of `counts`.
std::string pattern(const std::string& counts) {
  return R"("pattern":"^([ -!#-\\[\\]-\\x7f]|[\\u0080-\\u07FF]|[\\u0800-\\uFFFF]|)"
         R"([\\u{10000}-\\u{10FFFF}]){)" +
         counts + R"(}$")";
}

std::string rewritten(const std::string& schema, std::uint32_t vocab = test::tiny_vocab) {
  return lengths_as_patterns(tag(schema), vocab);
}

bool same(const std::string& a, const std::string& b) {
  return boost::json::parse(a) == boost::json::parse(b);
}

using bits = std::vector<std::uint32_t>;

bits mask(token_guide& guide, const std::vector<token_id>& drawn) {
  bits row((test::tiny_vocab + 31) / 32);
  const std::span<std::uint32_t> rows[] = {row};
  guide.fill(drawn, {}, 0, rows);
  row.back() &= (1U << test::tiny_vocab % 32) - 1;  // no tokens are behind the last
  return row;
}

/// Draws at random what the one allows, and compares at every token what the other does.
void compare(token_guide& one, token_guide& other, std::mt19937& random) {
  std::vector<token_id> drawn;
  while (drawn.size() < 120) {
    const bits may = mask(one, drawn);
    REQUIRE(mask(other, drawn) == may);
    std::vector<token_id> tokens;
    for (std::uint32_t t = 0; t < test::tiny_vocab; ++t)
      if ((may[t / 32] >> t % 32 & 1U) != 0) tokens.push_back(static_cast<token_id>(t));
    REQUIRE_FALSE(tokens.empty());
    token_id next = tokens[random() % tokens.size()];
    // Bytes of longer characters, and of none, would else be rare.
    const auto byte = [&](token_id t) {
      const auto bytes = test::tiny_tokenizer()->bytes(t);
      return bytes.size() == 1 && (bytes[0] & 0x80) != 0;
    };
    for (int tries = 0; tries < 40 && drawn.size() % 2 == 1 && !byte(next); ++tries)
      next = tokens[random() % tokens.size()];
    if (next == test::tiny_end) return;
    drawn.push_back(next);
  }
}

}  // namespace

TEST_CASE("lengths of strings become patterns") {
  CHECK(same(rewritten(R"({"type":"string","maxLength":9,"title":"t"})"),
             tag(R"({"type":"string","title":"t",)" + pattern("0,9") + R"(})")));
  CHECK(same(rewritten(R"({"type":"object","properties":{"enum":{"type":"array",
                          "items":{"type":"string","minLength":2,"maxLength":128}}},
                          "$defs":{"x":{"anyOf":[{"type":"string","maxLength":3}]}}})"),
             tag(R"({"type":"object","properties":{"enum":{"type":"array",
                    "items":{"type":"string",)" +
                 pattern("2,128") + R"(}}},
                    "$defs":{"x":{"anyOf":[{"type":"string",
                                            )" +
                 pattern("0,3") + R"(}]}}})")));
}

TEST_CASE("what would not mean the same is left alone") {
  for (const char* schema :
       {R"({"type":"string"})", R"({"type":"string","maxLength":1})",
        R"({"type":"string","maxLength":129})", R"({"type":"string","minLength":4})",
        R"({"type":"string","minLength":4,"maxLength":3})",
        R"({"type":"string","minLength":-1,"maxLength":3})",
        R"({"type":"string","minLength":"a","maxLength":3})",
        R"({"type":"string","maxLength":3.5})",
        R"({"type":"string","maxLength":9,"pattern":"^a+$"})",
        R"({"type":"string","maxLength":9,"format":"date"})",
        R"({"type":"string","maxLength":9,"enum":["a"]})",
        R"({"type":["string","null"],"maxLength":9})", R"({"maxLength":9})",
        R"({"enum":[{"type":"string","maxLength":9}]})",
        R"({"const":{"type":"string","maxLength":9}})",
        R"({"allOf":[{"type":"string","maxLength":9}]})",
        R"({"type":"object","propertyNames":{"$ref":"#/$defs/x"},
            "$defs":{"x":{"type":"string","maxLength":9}}})"}) {
    CAPTURE(schema);
    CHECK(rewritten(schema).empty());
  }
  const std::string plain = R"({"type":"string","maxLength":9})";
  CHECK(lengths_as_patterns(tag(plain, R"(,"style":"qwen_xml")"), test::tiny_vocab).empty());
  CHECK(lengths_as_patterns(tag(plain, R"(,"excludes":["a"])"), test::tiny_vocab).empty());
  CHECK(lengths_as_patterns(R"({"maxLength":)", test::tiny_vocab).empty());
  CHECK(lengths_as_patterns(test::tag_of(R"({"type":"regex","pattern":"maxLength"})"), 9).empty());
}

TEST_CASE("the shortest are chosen where all of them are too much") {
  const std::string all = R"({"anyOf":[{"type":"string","maxLength":100},
                                       {"type":"string","maxLength":30},
                                       {"type":"string","maxLength":30}]})";
  CHECK(same(rewritten(all, 190'000), tag(R"({"anyOf":[{"type":"string","maxLength":100},
               {"type":"string",)" + pattern("0,30") +
                                          R"(},
               {"type":"string",)" + pattern("0,30") +
                                          R"(}]})")));
  CHECK(rewritten(all, 150'000).find("maxLength") == std::string::npos);
  CHECK(rewritten(all, 700'000).empty());
}

TEST_CASE("a pattern allows the very tokens that the length does") {
  std::mt19937 random(7);
  for (const char* schema :
       {R"({"type":"string","maxLength":2})", R"({"type":"string","minLength":3,"maxLength":7})",
        R"({"type":"string","minLength":5,"maxLength":5})", R"({"type":"string","maxLength":40})",
        R"({"type":"string","minLength":2,"maxLength":128})",
        R"({"type":"array","minItems":2,"items":{"type":"object","properties":{
            "name":{"type":"string","minLength":1,"maxLength":6},"n":{"type":"integer"},
            "tag":{"anyOf":[{"type":"string","maxLength":4},{"type":"null"}]}},
            "required":["name","tag"]}})"}) {
    CAPTURE(std::string(schema));
    // Of which nothing is said otherwise: a keyword that the library passes over keeps it.
    std::string kept = schema;
    for (std::size_t at = 0; (at = kept.find(R"("type":"string")", at)) != std::string::npos;
         at += 8)
      kept.insert(at, R"("x-kept":1,)"), at += 11;
    REQUIRE(rewritten(kept).empty());
    REQUIRE_FALSE(rewritten(schema).empty());
    const std::string prefix = R"({"type":"json_schema","max_whitespace_cnt":2,"json_schema":)";
    const auto length = test::compiled(prefix + kept + "}");
    const auto pattern = test::compiled(prefix + schema + "}");
    for (int run = 0; run < 25; ++run) {
      token_guide one(length, {"x", -1, -1});
      token_guide other(pattern, {"x", -1, -1});
      compare(one, other, random);
    }
  }
}

}  // namespace troupe
