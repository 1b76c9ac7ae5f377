#include "runtime/tracing/otlp_json.hpp"

#include <doctest/doctest.h>

#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>

using namespace troupe;
using namespace std::chrono_literals;

TEST_CASE("spans are written as OTLP has them: ids in hex, 64-bit numbers as text") {
  span s;
  s.trace.fill(0xab);
  s.id.fill(0x01);
  s.parent = span_id{};
  s.parent->fill(0x02);
  s.name = "chat m";
  s.kind = span_kind::server;
  s.begin = std::chrono::system_clock::time_point(1'700'000'000s);
  s.end = s.begin + 1500ms;
  s.attributes = {{"n", std::int64_t{5}},
                  {"d", 0.5},
                  {"b", true},
                  {"t", std::string("a\"\n\xff")},
                  {"l", std::vector<std::string>{"stop", "length"}}};
  s.failed = true;
  s.failure = "why";
  const std::vector<span_attribute> resource{{"service.name", std::string("troupe")}};
  const auto made = boost::json::parse(to_otlp_json({&s, 1}, resource));
  const auto& of = made.at("resourceSpans").at(0);
  CHECK(of.at("resource").at("attributes").at(0).at("value").at("stringValue") == "troupe");
  const auto& written = of.at("scopeSpans").at(0).at("spans").at(0);
  CHECK(written.at("traceId") == "abababababababababababababababab");
  CHECK(written.at("spanId") == "0101010101010101");
  CHECK(written.at("parentSpanId") == "0202020202020202");
  CHECK(written.at("kind") == 2);
  CHECK(written.at("startTimeUnixNano") == "1700000000000000000");
  CHECK(written.at("endTimeUnixNano") == "1700000001500000000");
  CHECK(written.at("status").at("code") == 2);
  const auto& attributes = written.at("attributes");
  CHECK(attributes.at(0).at("value").at("intValue") == "5");
  CHECK(attributes.at(1).at("value").at("doubleValue") == 0.5);
  CHECK(attributes.at(2).at("value").at("boolValue") == true);
  CHECK(attributes.at(3).at("value").at("stringValue") == "a\"\\x0a\\xff");
  CHECK(attributes.at(4).at("value").at("arrayValue").at("values").at(1).at("stringValue") ==
        "length");
}
