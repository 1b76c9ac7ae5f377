#include "actors/bin/bench_lines.hpp"

#include <doctest/doctest.h>

#include <boost/json/parse.hpp>
#include <sstream>

#include "tests/actors/bin/fake_model.hpp"

namespace troupe::cli {
namespace {

std::vector<boost::json::object> answers_to(const std::string& lines,
                                            const test::fake_service::reply_function& reply) {
  test::fake_service service(reply);
  std::istringstream in(lines);
  std::ostringstream out;
  const auto limits = []() -> result<device_limits> { return device_limits{3e10, 4e11, 2e11}; };
  answer_bench_lines(service, 256, limits, {{"model", "small"}}, in, out);
  std::vector<boost::json::object> answers;
  std::istringstream written(out.str());
  for (std::string line; std::getline(written, line);)
    answers.push_back(boost::json::parse(line).as_object());
  return answers;
}

result<std::string> long_reply(const std::string&) { return std::string(1000, 'x'); }

}  // namespace

TEST_CASE("each line asks for one measurement and gets one line back, after the greeting") {
  const auto answers = answers_to(R"({"test": "prefill", "prompt_tokens": 64}
{"test": "decode", "prompt_tokens": 8, "streams": 2, "tokens": 4}
{"test": "limits"}
)",
                                  long_reply);
  REQUIRE(answers.size() == 4);
  CHECK(answers[0].at("model") == "small");
  CHECK(answers[1].at("tokens_per_second").as_double() > 0);
  CHECK(answers[2].contains("host_share"));
  CHECK(answers[3].at("read_bytes_per_second") == 3e10);
}

TEST_CASE("a line that asks for nothing sensible is told so, and the next is answered") {
  const auto answers = answers_to(R"(nonsense
[]
{"test": "prefill"}
{"test": "sleep", "prompt_tokens": 1}
{"test": "decode", "prompt_tokens": 1, "streams": 0, "tokens": 4}
{"test": "decode", "prompt_tokens": 1, "streams": 1, "tokens": "4"}
{"test": "prefill", "prompt_tokens": 1}
)",
                                  long_reply);
  REQUIRE(answers.size() == 8);
  CHECK(answers[1].at("error") == "a line must be one JSON object");
  CHECK(answers[2].at("error") == "a line must be one JSON object");
  CHECK(answers[3].at("error") == "prompt_tokens must be a number from 1 to 1000000");
  CHECK(answers[4].at("error") == "test must be \"prefill\", \"decode\" or \"limits\"");
  CHECK(answers[5].at("error") == "streams must be a number from 1 to 4096");
  CHECK(answers[6].at("error") == "tokens must be a number from 2 to 100000");
  CHECK(answers[7].contains("tokens_per_second"));
}

TEST_CASE("an engine's error is an answer") {
  const auto answers = answers_to(
      R"({"test": "prefill", "prompt_tokens": 64})",
      [](const std::string&) -> result<std::string> { return fail(errc::exhausted, "full"); });
  REQUIRE(answers.size() == 2);
  CHECK(answers[1].at("error") == "full");
}

}  // namespace troupe::cli
