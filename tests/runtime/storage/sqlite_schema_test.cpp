#include "runtime/storage/sqlite_schema.hpp"

#include <doctest/doctest.h>

#include <array>

#include "tests/support/paths.hpp"

namespace troupe::sqlite {
namespace {

constexpr std::array<std::string_view, 2> steps{"CREATE TABLE t (x); INSERT INTO t VALUES (1);",
                                                "ALTER TABLE t ADD COLUMN y DEFAULT 5;"};

schema first(std::size_t count, std::uint32_t application = 77) {
  return {application, "a file of the test's", std::span(steps).first(count)};
}

TEST_CASE("a file goes through each step once, and keeps what it holds") {
  const test::temporary_directory folder;
  auto d = database::open(folder.path() / "t.db");
  REQUIRE(d);
  for (int i = 0; i < 2; ++i) {
    REQUIRE(apply(*d, first(1)));
    CHECK(d->query_integer("SELECT sum(x) FROM t") == 1);
  }
  REQUIRE(apply(*d, first(2)));
  CHECK(d->query_integer("SELECT sum(x + y) FROM t") == 6);
}

TEST_CASE("a newer file and another program's are refused") {
  const test::temporary_directory folder;
  auto d = database::open(folder.path() / "t.db");
  REQUIRE(d);
  REQUIRE(apply(*d, first(2)));
  CHECK(apply(*d, first(1)).error().code() == errc::unsupported);
  CHECK(apply(*d, first(2, 78)).error().code() == errc::invalid_argument);
  auto foreign = database::open(folder.path() / "u.db");
  REQUIRE(foreign);
  REQUIRE(foreign->execute("CREATE TABLE u (x)"));
  CHECK(apply(*foreign, first(2)).error().code() == errc::invalid_argument);
}

TEST_CASE("a step that fails leaves the file as it was") {
  const test::temporary_directory folder;
  auto d = database::open(folder.path() / "t.db");
  REQUIRE(d);
  constexpr std::array<std::string_view, 2> broken{"CREATE TABLE t (x);", "CREATE TABLE t (x);"};
  CHECK_FALSE(apply(*d, {77, "a file of the test's", broken}));
  CHECK(apply(*d, first(2)));
}

}  // namespace
}  // namespace troupe::sqlite
