#include "runtime/formats/json_reader.hpp"

#include <doctest/doctest.h>

#include <boost/json/object.hpp>
#include <string>

#include "tests/support/gguf_writer.hpp"
#include "tests/support/paths.hpp"

namespace troupe {
namespace {

TEST_CASE("JSON is parsed whole or not at all") {
  CHECK(parse_json(R"({"a": [1, 2]}  )"));
  for (const char* text : {"", "{", R"({"a": 1} x)", "nul", "{]", R"("\ud800")", "\xff"})
    CHECK_MESSAGE(parse_json(text).error().code() == errc::corrupt, text);
}

TEST_CASE("depth is bounded") {
  const auto nested = [](std::size_t n) { return std::string(n, '[') + std::string(n, ']'); };
  CHECK(parse_json(nested(30)));
  CHECK_FALSE(parse_json(nested(40)));
  CHECK_FALSE(parse_json(nested(1'000'000)));
}

TEST_CASE("a file is refused for absence, size or shape, by its name") {
  const test::temporary_directory folder;
  const auto path = folder.path() / "x.json";
  CHECK(read_json_file(path, 100).error().message() == "x.json is missing");
  test::write_file(path, R"({"a": 1})");
  CHECK(read_json_file(path, 100));
  CHECK(read_json_file(path, 4).error().message() == "x.json has 8 bytes, more than 4");
  test::write_file(path, "[1]");
  CHECK(read_json_file(path, 100).error().message() == "x.json: not a JSON object");
  test::write_file(path, "");
  CHECK(read_json_file(path, 100).error().message() == "x.json: the JSON text ends too early");
}

TEST_CASE("a key given twice in one object is found") {
  CHECK_FALSE(duplicate_key(R"({"a": {"b": 1}, "b": {"a": 2}})"));
  CHECK(duplicate_key(R"({"a": 1, "b": 2, "a": 3})") == "a");
  CHECK(duplicate_key(R"({"x": {"long key": 1, "long\u0020key": 2}})") == "long key");
}

TEST_CASE("fields keep the first failure and name it") {
  const auto value = parse_json(
      R"({"n": 3, "e": 1e3, "big": 5000000000, "neg": -1, "half": 0.5, "t": "x", "f": true, "z": null})");
  REQUIRE(value);
  json_fields fields(value->get_object(), "config.json");
  CHECK(fields.count("n") == 3);
  CHECK(fields.count("e") == 1000);
  CHECK(fields.count("absent", 7) == 7);
  CHECK(fields.count("z", 8) == 8);
  CHECK(fields.number("half") == 0.5);
  CHECK(fields.text("t", "") == "x");
  CHECK(fields.flag("f", false));
  CHECK_FALSE(fields.failure());
  for (const char* key : {"big", "neg", "half", "t"}) {
    json_fields other(value->get_object(), "config.json");
    CHECK(other.count(key) == 0);
    CHECK(other.failure()->message() ==
          "config.json: '" + std::string(key) + "' is not a whole number");
  }
  CHECK(fields.count("absent") == 0);
  CHECK(fields.object("t") == nullptr);
  CHECK(fields.failure()->message() == "config.json: 'absent' is missing");
}

}  // namespace
}  // namespace troupe
