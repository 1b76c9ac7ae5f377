#include "runtime/api/message_parser.hpp"

#include <doctest/doctest.h>

#include <random>
#include <string>
#include <vector>

namespace troupe {
namespace {

struct parsed {
  std::string content;
  std::string reasoning;
  std::vector<call_part> calls;
  std::uint32_t complete = 0;

  void add(const message_part& part) {
    content += part.content;
    reasoning += part.reasoning;
    for (const call_part& c : part.calls) {
      if (calls.size() == c.call) calls.push_back({c.call, {}, {}});
      REQUIRE(calls.size() == c.call + 1);
      // A name comes once, before any argument.
      if (!c.name.empty()) {
        CHECK(calls.back().name.empty());
        CHECK(calls.back().arguments.empty());
        calls.back().name = c.name;
      }
      calls.back().arguments += c.arguments;
    }
  }
  [[nodiscard]] std::string told() const {
    std::string out = "[" + reasoning + "][" + content + "]";
    for (const call_part& c : calls) out += " " + c.name + "(" + c.arguments + ")";
    return out + " " + std::to_string(complete);
  }
};

constexpr message_markup both{thought_markup::think, call_markup::hermes};

std::string parse(std::string_view text, message_parser::settings s,
                  const std::vector<std::size_t>& cuts) {
  message_parser parser(s);
  parsed all;
  std::size_t at = 0;
  for (const std::size_t cut : cuts) {
    all.add(parser.push(text.substr(at, cut - at)));
    at = cut;
  }
  all.add(parser.push(text.substr(at)));
  all.add(parser.finish());
  all.complete = parser.calls();
  return all.told();
}

/// What the whole text gives, having checked that every cut in two, every character by itself, and
/// many random cuts give the same.
std::string parse(std::string_view text, message_parser::settings s = {both}) {
  std::string whole = parse(text, s, {});
  std::vector<std::size_t> each;
  for (std::size_t i = 1; i < text.size(); ++i) {
    each.push_back(i);
    CHECK(parse(text, s, {i}) == whole);
  }
  CHECK(parse(text, s, each) == whole);
  std::mt19937 random(7);
  for (int round = 0; round < 50; ++round) {
    std::vector<std::size_t> cuts;
    for (const std::size_t i : each)
      if (random() % 5 == 0) cuts.push_back(i);
    CHECK(parse(text, s, cuts) == whole);
  }
  return whole;
}

TEST_CASE("text without marks is content as it is") {
  CHECK(parse("") == "[][] 0");
  CHECK(parse("  Hello <b> </think> world \n") == "[][  Hello <b> </think> world \n] 0");
  CHECK(parse("1 < 2 <tool") == "[][1 < 2 <tool] 0");
  CHECK(parse("<thin") == "[][<thin] 0");
  CHECK(parse("<think>a</think><tool_call>{}</tool_call>", {{}}) ==
        "[][<think>a</think><tool_call>{}</tool_call>] 0");
}

TEST_CASE("thoughts are told apart, without the blanks around them") {
  CHECK(parse("<think>\nWhy? Because. \n</think>\n\nYes. ") == "[Why? Because.][Yes. ] 0");
  CHECK(parse("\n<think>\n\n</think>\n\nYes") == "[][Yes] 0");
  CHECK(parse("<think>no end </thin") == "[no end </thin][] 0");
  CHECK(parse("It says <think>x</think>") == "[][It says <think>x</think>] 0");
  CHECK(parse("\nwell </think> so", {both, true}) == "[well][so] 0");
  CHECK(parse("<think>a<tool_call>b</think>c") == "[a<tool_call>b][c] 0");
}

TEST_CASE("calls are told name first, their arguments byte by byte") {
  CHECK(parse("<tool_call>\n{\"name\": \"f\", \"arguments\": {\"a\": [1, \"}\\\"\"], \"b\": {}}}\n"
              "</tool_call>") == "[][] f({\"a\": [1, \"}\\\"\"], \"b\": {}}) 1");
  CHECK(parse("<think>x</think>\n\nLet me see.\n<tool_call>{\"name\":\"f\",\"arguments\":{}}"
              "</tool_call>\n<tool_call>{\"name\":\"g\",\"parameters\":{\"x\":1}}</tool_call>\n") ==
        "[x][Let me see.] f({}) g({\"x\":1}) 2");
  CHECK(parse("<tool_call>{\"arguments\": {\"n\": 1.5e3}, \"id\": 7, \"name\": \"late\"}"
              "</tool_call>") == "[][] late({\"n\": 1.5e3}) 1");
  CHECK(parse("<tool_call>{\"name\":\"f\"}</tool_call>") == "[][] f({}) 1");
  CHECK(parse("<tool_call>{\"name\":\"f\",\"arguments\":null}</tool_call>") == "[][] f({}) 1");
  CHECK(parse("<tool_call>{\"name\":\"f\",\"arguments\":\"{\\\"a\\\": 1}\"}</tool_call>") ==
        "[][] f({\"a\": 1}) 1");
  CHECK(parse("<tool_call>{\"name\":\"f\",\"arguments\":{\"s\":\"</tool_call>\"}}</tool_call>ok") ==
        "[][ok] f({\"s\":\"</tool_call>\"}) 1");
}

TEST_CASE("what is no call is content; what breaks off later keeps what was told") {
  CHECK(parse("a <tool_call>{nonsense}</tool_call> b") ==
        "[][a<tool_call>{nonsense}</tool_call> b] 0");
  CHECK(parse("<tool_call>[1]</tool_call>") == "[][<tool_call>[1]</tool_call>] 0");
  CHECK(parse("<tool_call>\"f\"") == "[][<tool_call>\"f\"] 0");
  CHECK(parse("<tool_call>{\"arguments\":{}}") == "[][<tool_call>{\"arguments\":{}}] 0");
  CHECK(parse("<tool_call>{\"name\":") == "[][<tool_call>{\"name\":] 0");
  CHECK(parse("<tool_call>{\"name\":\"f\",\"arguments\":{\"a\":tru") == "[][] f({\"a\":tru) 0");
  CHECK(parse("<tool_call>{\"name\":\"f\",\"arguments\":{\"a\":!}}</tool_call>then") ==
        "[][then] f({\"a\":) 1");
  const std::string deep(100, '[');
  CHECK(parse("<tool_call>{\"x\":" + deep) == "[][<tool_call>{\"x\":" + deep + "] 0");
}

TEST_CASE("with one call allowed nothing counts after it") {
  const message_parser::settings one{both, false, true};
  CHECK(parse("<tool_call>{\"name\":\"f\",\"arguments\":{}}</tool_call> more <tool_call>"
              "{\"name\":\"g\",\"arguments\":{}}</tool_call>",
              one) == "[][] f({}) 1");
  CHECK(parse("no call", one) == "[][no call] 0");
}

TEST_CASE("a template tells its model's marks") {
  CHECK(markup_of("{{ '<think>\\n\\n</think>' }}").thoughts == thought_markup::think);
  CHECK(markup_of("{{ '<tool_call>' }}").calls == call_markup::hermes);
  CHECK(markup_of("{{ messages }}").thoughts == thought_markup::none);
  CHECK(markup_of("{{ messages }}").calls == call_markup::none);
}

}  // namespace
}  // namespace troupe
