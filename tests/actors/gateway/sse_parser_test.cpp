#include "actors/gateway/sse_parser.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

using troupe::gateway::sse_parser;

namespace {

std::vector<std::string> parse(const std::string& bytes, std::size_t step) {
  sse_parser parser;
  std::vector<std::string> events;
  for (std::size_t at = 0; at < bytes.size(); at += step)
    CHECK(parser.feed(std::string_view(bytes).substr(at, step), [&](std::string_view data) {
      events.emplace_back(data);
      return true;
    }));
  return events;
}

}  // namespace

TEST_CASE("events come out whole however the bytes are cut") {
  const std::string bytes =
      ": hello\n\ndata: one\n\nevent: x\r\ndata:two\r\ndata: lines\r\n\r\nid: 3\n\ndata: "
      "[DONE]\n\n";
  const std::vector<std::string> expected{"one", "two\nlines", "[DONE]"};
  for (const std::size_t step : {1U, 2U, 3U, 7U, 1000U}) CHECK(parse(bytes, step) == expected);
}

TEST_CASE("a reader that has enough stops the parser") {
  sse_parser parser;
  int seen = 0;
  CHECK_FALSE(parser.feed("data: a\n\ndata: b\n\n", [&](std::string_view) {
    ++seen;
    return false;
  }));
  CHECK(seen == 1);
}

TEST_CASE("an endless event is refused") {
  sse_parser parser(1000);
  const auto take = [](std::string_view) { return true; };
  CHECK(parser.feed(std::string(900, 'x'), take));
  CHECK_FALSE(parser.feed(std::string(200, 'x'), take));
}
