// Structures that somebody made to cost as much as they can.
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <time.h>

#include <chrono>
#include <string>
#include <vector>

#include "runtime/sampling/compile_budget.hpp"
#include "tests/runtime/sampling/vocabulary.hpp"

namespace troupe {
namespace {

using std::chrono::milliseconds;

struct named {
  std::string name;
  std::string format;
};

std::string schema(const std::string& text) {
  return R"({"type":"json_schema","json_schema":)" + text + "}";
}
std::string regex(const std::string& text) {
  return R"({"type":"regex","pattern":")" + text + "\"}";
}
std::string grammar(const std::string& text) {
  return R"({"type":"grammar","grammar":")" + text + "\"}";
}

std::string repeated(const std::string& what, int times, const std::string& between = "") {
  std::string out;
  for (int i = 0; i < times; ++i) out += (i == 0 ? "" : between) + what;
  return out;
}

template <class Make>
std::string each(int count, const std::string& between, const Make& make) {
  std::string out;
  for (int i = 0; i < count; ++i) out += (i == 0 ? "" : between) + make(i);
  return out;
}

std::string nested(int depth, const std::string& before, const std::string& core,
                   const std::string& behind) {
  return repeated(before, depth) + core + repeated(behind, depth);
}

std::vector<named> corpus() {
  const auto property = [](int i) { return fmt::format(R"("p{}":{{"type":"string"}})", i); };
  const auto bounded = [](int i) {
    return fmt::format(R"("p{0}":{{"type":"string","maxLength":{0}}})", i);
  };
  const auto word = [](int i) { return fmt::format(R"("word number {}")", i * 7919); };
  const auto rule = [](int i) {
    return fmt::format("r{0} ::= r{1} r{1} | \\\"{0}\\\"\\n", i, i + 1);
  };
  return {
      {"an enum of thousands", schema(R"({"enum":[)" + each(8'000, ",", word) + "]}")},
      {"hundreds of optional properties",
       schema(R"({"type":"object","properties":{)" + each(600, ",", property) + "}}")},
      {"optional properties within optional properties",
       schema(nested(20, R"({"type":"object","properties":{"a":{"type":"null"},"b":)",
                     R"({"type":"null"})", "}}"))},
      {"arrays with large counts of arrays",
       schema(nested(6, R"({"type":"array","minItems":500,"maxItems":4000,"items":)",
                     R"({"type":"string","maxLength":4000})", "}"))},
      {"strings with a pattern and counts",
       schema(
           R"({"type":"array","maxItems":4096,"items":{"type":"string","pattern":"^(a|b|c){1,200}$"}})")},
      {"strings of every length",
       schema(R"({"type":"object","properties":{)" + each(129, ",", bounded) + "}}")},
      {"arrays with large counts of short strings",
       schema(nested(3, R"({"type":"array","minItems":500,"maxItems":4000,"items":)",
                     R"({"type":"string","minLength":7,"maxLength":128})", "}"))},
      {"every combination",
       schema(nested(8, R"({"anyOf":[{"type":"object","properties":{"a":)", R"({"type":"integer"})",
                     R"(}},{"type":"array"},{"type":"string"}]})"))},
      {"references in a circle",
       schema(R"({"$defs":{"a":{"anyOf":[{"$ref":"#/$defs/b"},{"type":"null"}]},)"
              R"("b":{"type":"array","items":{"$ref":"#/$defs/a"}}},"$ref":"#/$defs/a"})")},
      {"a circle of itself", schema(R"({"$defs":{"a":{"$ref":"#/$defs/a"}},"$ref":"#/$defs/a"})")},
      {"deep", schema(nested(400, R"({"type":"array","items":)", R"({"type":"null"})", "}"))},
      {"a wide range of numbers",
       schema(R"({"type":"integer","minimum":-9007199254740991,"maximum":9007199254740991})")},
      {"quantifiers in quantifiers", regex("((((a{0,30}){0,30}){0,30}){0,30}){0,30}")},
      {"stars in stars", regex(nested(40, "(", "a", "*b*)*"))},
      {"a choice of prefixes", regex("(" + repeated("a?", 300) + repeated("a", 300) + ")")},
      {"the far side of a choice", regex("(a|b)*a(a|b){60}")},
      {"any character, counted", regex(".{0,4000}x.{0,4000}")},
      {"any character, counted twice over", regex("(.{0,100}y){100}")},
      {"words with counts", regex("([a-z]{1,200} ){1,200}")},
      {"many alternatives",
       regex(each(2'000, "|", [](int i) { return fmt::format("w{}x*", i * 104'729); }))},
      {"rules that double", grammar("root ::= r0\\n" + each(300, "", rule) + R"(r300 ::= \"x\")")},
      {"a rule to its own left", grammar(R"(root ::= root \"a\" | root root | \"\")")},
      {"rules of nothing",
       grammar(R"(root ::= a a a a\na ::= b b b b | \"\"\nb ::= a a a a | \"\")")},
      {"a grammar of counts", grammar(R"(root ::= ((([a-z]{1,90}){1,90}){1,90}){1,90})")},
  };
}

milliseconds thread_time() {
  timespec t{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return std::chrono::duration_cast<milliseconds>(std::chrono::seconds(t.tv_sec) +
                                                  std::chrono::nanoseconds(t.tv_nsec));
}

}  // namespace

TEST_CASE("whatever is asked for is compiled within its bounds, or refused; and the next is well") {
  if (!compile_budget::enforced()) return;
  compile_limits limits;
  limits.processor = milliseconds(400);
  limits.bytes = std::size_t{64} << 20U;
  const structure_compiler compiler(*test::tiny_tokenizer(), test::tiny_vocab, {test::tiny_end},
                                    limits);
  for (const named& n : corpus()) {
    CAPTURE(n.name);
    const milliseconds from = thread_time();
    const auto made = compiler.compile(test::tag_of(n.format));
    const milliseconds took = thread_time() - from;
    MESSAGE(n.name, ": ", took.count(), " ms, ",
            made ? fmt::format("{} KiB", (*made)->bytes() >> 10U) : made.error().message());
    // One of the library's steps may lie between two allocations.
    CHECK(took < limits.processor + milliseconds(1'500));
    if (made) CHECK((*made)->bytes() <= limits.bytes);
    if (!made) {
      const errc code = made.error().code();
      CHECK((code == errc::out_of_range || code == errc::invalid_argument));
    }
    const auto next = compiler.compile(test::tag_of(R"({"type":"regex","pattern":"ok+"})"));
    CHECK_MESSAGE(next.has_value(), next.error().message());
  }
}

TEST_CASE("it may be stopped at any allocation") {
  if (!compile_budget::enforced()) return;
  const std::vector<named> asked{
      {"schema", schema(R"({"type":"object","properties":{"a":{"enum":["x","yy"]},)"
                        R"("b":{"type":"array","items":{"type":"integer"},"maxItems":3},)"
                        R"("c":{"type":"string","pattern":"^[a-c]{2,9}$"},)"
                        R"("d":{"type":"string","maxLength":3}},"required":["b"]})")},
      {"regex", regex("(a|bc){2,5}[^x]*d?")},
      {"grammar", grammar(R"(root ::= (a \"b\"){1,3}\na ::= [a-c]* | \"d\" root)")}};
  for (const named& n : asked) {
    CAPTURE(n.name);
    std::uint64_t refused = 0;
    bool done = false;
    for (std::uint64_t at = 0; !done; at += 1 + at / 40) {
      compile_limits limits;
      limits.allocations = at;
      const structure_compiler compiler(*test::tiny_tokenizer(), test::tiny_vocab, {test::tiny_end},
                                        limits);
      const auto made = compiler.compile(test::tag_of(n.format));
      done = made.has_value();
      if (done) break;
      ++refused;
      CHECK(made.error().code() == errc::out_of_range);
      REQUIRE(at < 50'000'000);
    }
    CHECK(refused > 50);
  }
}

namespace {

/// Allocates, whatever a compiler thinks of that.
char filled(std::size_t bytes) {
  const std::string text(bytes, 'x');
  const char* volatile seen = text.data();
  return seen[bytes - 1];
}

}  // namespace

TEST_CASE("a budget bounds its own thread, for as long as it is in force") {
  if (!compile_budget::enforced()) return;
  compile_limits limits;
  limits.bytes = 1 << 20;
  compile_budget budget(limits);
  {
    const compile_budget::scope bounded(budget);
    for (int i = 0; i < 100; ++i) CHECK(filled(100'000) == 'x');
    CHECK_FALSE(budget.spent());
    CHECK_THROWS_AS((void)filled(2 << 20), budget_exceeded);
    CHECK(budget.spent());
  }
  CHECK(filled(2 << 20) == 'x');

  limits = {};
  limits.processor = milliseconds(20);
  compile_budget hasty(limits);
  const auto spin = [&] {
    const compile_budget::scope bounded(hasty);
    for (;;) (void)filled(100);
  };
  CHECK_THROWS_AS(spin(), budget_exceeded);
}

}  // namespace troupe
