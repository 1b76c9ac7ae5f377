#include "runtime/base/printable.hpp"

#include <doctest/doctest.h>

#include "runtime/base/json_text.hpp"
#include "runtime/base/log_fields.hpp"

using namespace troupe;

TEST_CASE("text from outside shows no control characters and is UTF-8") {
  CHECK(printable("plain, \xc3\xa4 \xe2\x82\xac \xf0\x9f\x98\x80") ==
        "plain, \xc3\xa4 \xe2\x82\xac \xf0\x9f\x98\x80");
  CHECK(printable("a\nb\x1b[31m") == "a\\x0ab\\x1b[31m");
  CHECK(printable("\x7f\xc2\x9b") == "\\x7f\\xc2\\x9b");
  // Cut short, longer than need be, half of a pair, past the last character, no beginning.
  CHECK(printable("\xe2\x82") == "\\xe2\\x82");
  CHECK(printable("\xc0\xaf\xe0\x80\x80") == "\\xc0\\xaf\\xe0\\x80\\x80");
  CHECK(printable("\xed\xa0\x80") == "\\xed\\xa0\\x80");
  CHECK(printable("\xf4\x90\x80\x80") == "\\xf4\\x90\\x80\\x80");
  CHECK(printable("\x80") == "\\x80");
}

TEST_CASE("any bytes make a string of JSON") {
  CHECK(json_text("a\"b\\c\n") == R"("a\"b\\c\\x0a")");
}

TEST_CASE("a log line keeps its text and its values apart, whatever the text") {
  log_fields line("GET /a\x1f\"fake\":1");
  line.add("path", "/\"");
  line.add("status", std::int64_t{200});
  line.add("ms", 1.5);
  const auto parts = log_fields::split(line.line());
  CHECK(parts.first == R"(GET /a\x1f"fake":1)");
  CHECK(parts.second == R"("path":"/\"","status":200,"ms":1.500)");
  CHECK(log_fields::split("no values").second.empty());
}
