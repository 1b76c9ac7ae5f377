#include "runtime/api/event_frame.hpp"

#include <doctest/doctest.h>

using namespace troupe;

TEST_CASE("JSON stays on one line for readers that break lines where Unicode does") {
  CHECK(in_one_line("{\"a\":\"x\xc2\x85\xe2\x80\xa8\xe2\x80\xa9y\"}") ==
        R"({"a":"x\u0085\u2028\u2029y"})");
  // Of the same first byte: a no-break space, a letter, an ellipsis, a sign; and what is cut short.
  for (const char* same :
       {"", "plain", "\xc2\xa0\xc3\x85", "\xe2\x80\xa6\xe2\x82\xac", "\xe2\x80", "\xc2"})
    CHECK(in_one_line(same) == same);
}

TEST_CASE("an event carries one line of JSON, and its type where it has one") {
  CHECK(event_frame("{}") == "data: {}\n\n");
  CHECK(event_frame("\"\xe2\x80\xa8\"", "made") == "event: made\ndata: \"\\u2028\"\n\n");
}
