#include <doctest/doctest.h>

#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <string>

#include "actors/bin/logging.hpp"
#include "runtime/base/log_fields.hpp"

namespace troupe::cli {
namespace {

std::string formatted(log_format format, const std::string& payload) {
  const auto formatter = make_formatter(format, "worker-1 50%");
  spdlog::memory_buf_t out;
  formatter->format({"troupe", spdlog::level::warn, payload}, out);
  return {out.data(), out.size()};
}

}  // namespace

TEST_CASE("a log for programs has an object a line, with the values beside the text") {
  log_fields line("GET /health 200");
  line.add("request_id", "req-1");
  line.add("status", std::int64_t{200});
  const std::string text = formatted(log_format::json, line.line());
  CHECK(text.ends_with("}\n"));
  const auto made = boost::json::parse(text);
  CHECK(made.at("level") == "warning");
  CHECK(made.at("process") == "worker-1 50%");
  CHECK(made.at("message") == "GET /health 200");
  CHECK(made.at("request_id") == "req-1");
  CHECK(made.at("status") == 200);
  CHECK(made.at("time").as_string().size() == std::string("2026-01-01T00:00:00.000Z").size());
}

TEST_CASE("whatever is logged, it is one line, and one object") {
  const std::string hostile = "a\nb\"\\\xff\x1b[2J";
  const std::string text = formatted(log_format::json, hostile);
  CHECK(text.find('\n') == text.size() - 1);
  CHECK(boost::json::parse(text).at("message") == "a\\x0ab\"\\\\xff\\x1b[2J");
  const std::string shown = formatted(log_format::text, hostile);
  CHECK(shown.find('\n') == shown.size() - 1);
  CHECK(shown.find('\x1b') == std::string::npos);
  CHECK(shown.find("[worker-1 50%] a") != std::string::npos);
}

TEST_CASE("a log for people leaves the values out") {
  log_fields line("GET /health 200");
  line.add("status", std::int64_t{200});
  CHECK(formatted(log_format::text, line.line()).ends_with("GET /health 200\n"));
}

}  // namespace troupe::cli
