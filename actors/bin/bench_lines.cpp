#include "actors/bin/bench_lines.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <istream>
#include <ostream>
#include <string>

#include "actors/bin/bench_requests.hpp"
#include "actors/bin/bench_run.hpp"

namespace troupe::cli {
namespace {

namespace json = boost::json;

result<std::uint32_t> count(const json::object& asked, std::string_view key, std::uint32_t least,
                            std::uint32_t most) {
  const json::value* found = asked.if_contains(key);
  const std::int64_t* number = found != nullptr ? found->if_int64() : nullptr;
  if (number == nullptr || *number < least || *number > most)
    return fail(errc::invalid_argument, "{} must be a number from {} to {}", key, least, most);
  return static_cast<std::uint32_t>(*number);
}

/// Answers questions.
class responder {
 public:
  responder(generation_service& service, std::uint32_t vocabulary,
            const std::function<result<device_limits>()>& limits)
      : service_(service), requests_(service, vocabulary), limits_(limits) {}

  json::object answer(const std::string& line) {
    json::error_code code;
    const json::value asked = json::parse(line, code);
    if (code || !asked.is_object()) return {{"error", "a line must be one JSON object"}};
    auto answered = measure(asked.as_object());
    if (!answered) return {{"error", answered.error().message()}};
    return *std::move(answered);
  }

 private:
  result<json::object> measure(const json::object& asked) {
    const json::value* test = asked.if_contains("test");
    if (test != nullptr && *test == "limits") return machine_limits();
    const bool prefill = test != nullptr && *test == "prefill";
    if (!prefill && (test == nullptr || *test != "decode"))
      return fail(errc::invalid_argument, "test must be \"prefill\", \"decode\" or \"limits\"");
    const engine_stats before = service_.stats();
    const auto rate = prefill ? prefill_rate(asked) : decode_rate(asked);
    if (!rate) return fail(rate.error());
    return json::object{{"tokens_per_second", *rate},
                        {"host_share", host_share(before, service_.stats())}};
  }

  result<double> prefill_rate(const json::object& asked) {
    const auto prompt = count(asked, "prompt_tokens", 1, 1'000'000);
    if (!prompt) return fail(prompt.error());
    return requests_.prefill(*prompt);
  }

  result<double> decode_rate(const json::object& asked) {
    const auto prompt = count(asked, "prompt_tokens", 1, 1'000'000);
    if (!prompt) return fail(prompt.error());
    const auto streams = count(asked, "streams", 1, 4096);
    if (!streams) return fail(streams.error());
    const auto tokens = count(asked, "tokens", 2, 100'000);
    if (!tokens) return fail(tokens.error());
    return requests_.decode(*streams, *prompt, *tokens);
  }

  result<json::object> machine_limits() {
    const auto limits = limits_();
    if (!limits) return fail(limits.error());
    return json::object{{"read_bytes_per_second", limits->read_bytes_per_second},
                        {"integer_per_second", limits->integer_per_second},
                        {"float_per_second", limits->float_per_second}};
  }

  generation_service& service_;
  bench_requests requests_;
  const std::function<result<device_limits>()>& limits_;
};

}  // namespace

void answer_bench_lines(generation_service& service, std::uint32_t vocabulary,
                        const std::function<result<device_limits>()>& limits,
                        const boost::json::object& greeting, std::istream& in, std::ostream& out) {
  out << json::serialize(greeting) << std::endl;
  responder answers(service, vocabulary, limits);
  std::string line;
  while (std::getline(in, line)) out << json::serialize(answers.answer(line)) << std::endl;
}

}  // namespace troupe::cli
