#include "runtime/tracing/trace_context.hpp"

#include <doctest/doctest.h>

#include <string>

using namespace troupe;

namespace {
const std::string good = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
}

TEST_CASE("a traceparent is taken over") {
  const auto context = parse_traceparent(good);
  REQUIRE(context.has_value());
  CHECK(to_hex(context->trace) == "4bf92f3577b34da6a3ce929d0e0e4736");
  CHECK(to_hex(context->parent) == "00f067aa0ba902b7");
  CHECK(context->sampled);
  std::string unsampled = good;
  unsampled.back() = '0';
  CHECK_FALSE(parse_traceparent(unsampled)->sampled);
  CHECK(parse_traceparent("cc" + good.substr(2) + "-what-comes-later").has_value());
}

TEST_CASE("what is no traceparent begins no trace of another's") {
  for (const std::string& bad :
       {std::string(), std::string("00"), good + "-more", good + "0", "ff" + good.substr(2),
        std::string("00-00000000000000000000000000000000-00f067aa0ba902b7-01"),
        std::string("00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01"),
        std::string("00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01"),
        std::string("00-4bf92f3577b34da6a3ce929d0e0e473g-00f067aa0ba902b7-01"),
        std::string("00_4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
        "cc" + good.substr(2) + "x"})
    CHECK_MESSAGE(!parse_traceparent(bad).has_value(), bad);
}
