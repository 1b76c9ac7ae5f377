#include "actors/bin/status_report.hpp"

#include <doctest/doctest.h>

#include "actors/bin/http_call.hpp"

namespace troupe::cli {
namespace {

constexpr std::string_view metrics =
    "# HELP troupe_num_requests_running Requests being computed.\n"
    "# TYPE troupe_num_requests_running gauge\n"
    "troupe_num_requests_running 3\n"
    "troupe_http_requests_total{route=\"/v1/models\",status=\"200\"} 2\n"
    "troupe_http_requests_total{route=\"a } b\",status=\"404\"} 5\n"
    "troupe_kv_cache_usage_perc 0.25\n"
    "broken line\n";
constexpr std::string_view models =
    R"({"object":"list","data":[{"id":"SmolLM2","object":"model","max_model_len":2048}]})";

}  // namespace

TEST_CASE("metrics are read by name and added up over labels") {
  const auto values = parse_metrics(metrics);
  CHECK(values.at("troupe_num_requests_running") == 3);
  CHECK(values.at("troupe_http_requests_total") == 7);
  CHECK(values.size() == 3);
  CHECK(parse_metrics("").empty());
}

TEST_CASE("a ready server's status is a short table") {
  const auto status = assemble("http://h:1", 200, "", models, metrics);
  REQUIRE(status.has_value());
  const std::string text = to_text(*status);
  CHECK(text.find("ready\n") != std::string::npos);
  CHECK(text.find("SmolLM2, context 2048") != std::string::npos);
  CHECK(text.find("3 running, 0 waiting") != std::string::npos);
  CHECK(text.find("25.0 %") != std::string::npos);
  CHECK(to_json(*status).at("ready").as_bool());
}

TEST_CASE("a server that is not ready says why") {
  const auto status =
      assemble("u", 503, R"({"status":"unavailable","reason":"loading"})", R"({"error":{}})", "");
  REQUIRE(status.has_value());
  CHECK(to_text(*status).find("not ready: loading") != std::string::npos);
  CHECK(assemble("u", 500, "<html>", R"({"data":[]})", "")->reason == "status 500");
}

TEST_CASE("something that is no troupe server is told apart") {
  CHECK_FALSE(assemble("u", 200, "ok", "<html>", "").has_value());
  CHECK_FALSE(assemble("u", 200, "ok", R"({"data":3})", "").has_value());
}

TEST_CASE("an address is http, a host and perhaps a port") {
  CHECK(parse_address("http://127.0.0.1:8080/v1")->port == "8080");
  CHECK(parse_address("http://localhost")->port == "80");
  CHECK(parse_address("http://[::1]:9")->host == "::1");
  CHECK(parse_address("https://example")->secure);
  CHECK(parse_address("https://example")->port == "443");
  CHECK_FALSE(parse_address("ftp://example").has_value());
  CHECK_FALSE(parse_address("127.0.0.1:8080").has_value());
  CHECK_FALSE(parse_address("").has_value());
}

TEST_CASE("where nobody listens the error says what to do") {
  // Port 1 of the loopback interface: nobody listens there.
  const auto reply = http_get({"127.0.0.1", "1"}, "/health", std::chrono::seconds(5));
  REQUIRE_FALSE(reply.has_value());
  CHECK(reply.error().code() == errc::unavailable);
  CHECK(reply.error().message().find("troupe serve") != std::string::npos);
}

}  // namespace troupe::cli
