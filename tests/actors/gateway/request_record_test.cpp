#include "actors/gateway/request_record.hpp"

#include <doctest/doctest.h>

#include <string>

#include "runtime/base/log_fields.hpp"

using namespace troupe;
using namespace troupe::gateway;
using namespace std::chrono_literals;

namespace {

const std::chrono::steady_clock::time_point begun = std::chrono::steady_clock::now();

http_request asked() {
  http_request request;
  request.method = "POST";
  request.path = "/v1/chat/completions";
  request.target = route::chat_completions;
  request.id = "req-7";
  request.trace = parse_traceparent("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
  return request;
}

answer_report answered() {
  answer_report report;
  report.prompt_tokens = 5;
  report.answer_tokens = 8;
  report.endings = {finish_reason::stop};
  report.prefill_seconds = 0.2;
  report.submitted = begun + 10ms;
  report.first_token = begun + 300ms;
  report.drawn = begun + 900ms;
  return report;
}

double seconds(const span& s) { return std::chrono::duration<double>(s.end - s.begin).count(); }

const span_value* find(const span& s, const std::string& key) {
  for (const auto& [name, value] : s.attributes)
    if (name == key) return &value;
  return nullptr;
}

}  // namespace

TEST_CASE("a request's spans go on with the client's trace and lie in one another") {
  const auto spans = spans_of(asked(), 200, begun, begun + 1s, "m", answered());
  REQUIRE(spans.size() == 4);
  for (const span& s : spans) CHECK(to_hex(s.trace) == "4bf92f3577b34da6a3ce929d0e0e4736");
  CHECK(spans[0].name == "chat m");
  CHECK(spans[0].kind == span_kind::server);
  CHECK(to_hex(*spans[0].parent) == "00f067aa0ba902b7");
  for (std::size_t i = 1; i < 4; ++i) CHECK(spans[i].parent == spans[0].id);
  CHECK(spans[1].name == "queue");
  CHECK(seconds(spans[1]) == doctest::Approx(0.09));
  CHECK(spans[2].name == "prefill");
  CHECK(seconds(spans[2]) == doctest::Approx(0.2));
  CHECK(spans[3].name == "decode");
  CHECK(seconds(spans[3]) == doctest::Approx(0.6));
  CHECK(*find(spans[0], "gen_ai.usage.output_tokens") == span_value(std::int64_t{8}));
  CHECK(*find(spans[0], "http.response.status_code") == span_value(std::int64_t{200}));
  CHECK_FALSE(spans[0].failed);
}

TEST_CASE("without a trace of the client's each request begins one") {
  http_request request = asked();
  request.trace.reset();
  const auto one = spans_of(request, 200, begun, begun + 1s, "m", answered());
  const auto other = spans_of(request, 200, begun, begun + 1s, "m", answered());
  CHECK_FALSE(one[0].parent.has_value());
  CHECK(one[0].trace != other[0].trace);
}

TEST_CASE("a request that never ran has only its wait, and a fault of the server's is one") {
  answer_report report;
  report.submitted = begun + 10ms;
  const auto waited = spans_of(asked(), 503, begun, begun + 1s, "m", report);
  REQUIRE(waited.size() == 2);
  CHECK(waited[0].failed);
  CHECK(*find(waited[0], "error.type") == span_value(std::string("503")));
  CHECK(seconds(waited[1]) == doctest::Approx(0.99));
  CHECK(spans_of(asked(), 400, begun, begun + 1s, "m", {}).size() == 1);
}

TEST_CASE("a scored prompt has a prefill and no decode") {
  answer_report report = answered();
  report.first_token.reset();
  const auto spans = spans_of(asked(), 200, begun, begun + 1s, "m", report);
  REQUIRE(spans.size() == 3);
  CHECK(seconds(spans[2]) == doctest::Approx(0.2));
}

TEST_CASE("the log's line says the same in words and in values") {
  const auto line = log_line(asked(), 200, 1500ms, " 5+8 tokens", answered());
  const auto parts = log_fields::split(line);
  CHECK(parts.first == "POST /v1/chat/completions 200 1500.0 ms 5+8 tokens req-7");
  CHECK(parts.second.find(R"("request_id":"req-7")") != std::string::npos);
  CHECK(parts.second.find(R"("completion_tokens":8)") != std::string::npos);
  CHECK(parts.second.find(R"("trace_id":"4bf92f3577b34da6a3ce929d0e0e4736")") != std::string::npos);
}
