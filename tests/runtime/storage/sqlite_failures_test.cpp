#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <limits>
#include <string>

#include "runtime/storage/sqlite.hpp"
#include "tests/support/paths.hpp"

namespace troupe::sqlite {
namespace {

TEST_CASE("a full disk is io_error, and the file stays as it was") {
  const test::temporary_directory folder;
  auto d = database::open(folder.path() / "t.db");
  REQUIRE(d);
  REQUIRE(d->execute("CREATE TABLE t (x); PRAGMA max_page_count = 8;"));
  auto put = d->prepare("INSERT INTO t VALUES (?1)");
  REQUIRE(put);
  result<void> last;
  for (int i = 0; i < 100 && last; ++i) last = put->run_with(std::string(4000, 'x'));
  REQUIRE_FALSE(last);
  CHECK(last.error().code() == errc::io_error);
  CHECK(last.error().message().find("full") != std::string::npos);
  CHECK(d->query_integer("SELECT count(*) FROM t").value() > 0);
  {
    auto change = transaction::begin(*d);
    REQUIRE(change);
    CHECK_FALSE(put->run_with(std::string(50'000, 'x')));
  }
  CHECK(d->execute("DELETE FROM t"));
  CHECK(put->run_with(std::string("fits again")));
}

TEST_CASE("a file that another connection writes for too long is deadline_exceeded") {
  const test::temporary_directory folder;
  const auto path = folder.path() / "t.db";
  auto one = database::open(path);
  REQUIRE(one);
  REQUIRE(one->execute("CREATE TABLE t (x)"));
  auto impatient = database::open(path, {.busy_timeout = std::chrono::milliseconds(1)});
  REQUIRE(impatient);
  auto change = transaction::begin(*one);
  REQUIRE(change);
  const auto second = transaction::begin(*impatient);
  REQUIRE_FALSE(second);
  CHECK(second.error().code() == errc::deadline_exceeded);
  // Readers are not held up.
  CHECK(impatient->query_integer("SELECT count(*) FROM t") == 0);
  REQUIRE(change->commit());
  CHECK(transaction::begin(*impatient));
}

TEST_CASE("what is no database is corrupt") {
  const test::temporary_directory folder;
  const auto path = folder.path() / "t.db";
  std::ofstream(path) << std::string(5000, 'x');
  const auto d = database::open(path);
  REQUIRE_FALSE(d);
  CHECK(d.error().code() == errc::corrupt);
  CHECK(d.error().message().find("t.db") != std::string::npos);
}

TEST_CASE("a damaged page is corrupt when it is read") {
  const test::temporary_directory folder;
  const auto path = folder.path() / "t.db";
  {
    auto d = database::open(path);
    REQUIRE(d);
    REQUIRE(d->execute("CREATE TABLE t (x)"));
    auto put = d->prepare("INSERT INTO t VALUES (?1)");
    for (int i = 0; i < 100; ++i) REQUIRE(put->run_with(std::string(1000, 'x')));
  }
  {
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    for (std::uint64_t at = 4096; at < std::filesystem::file_size(path); at += 4096)
      file.seekp(static_cast<std::streamoff>(at)) << std::string(100, '\xff');
  }
  auto d = database::open(path);
  REQUIRE(d);
  const auto count = d->query_integer("SELECT count(x) FROM t");
  REQUIRE_FALSE(count);
  CHECK(count.error().code() == errc::corrupt);
}

TEST_CASE("a file that is not there is not_found where none is to be made") {
  const test::temporary_directory folder;
  for (const open_options options : {open_options{.create = false}, {.read_only = true}}) {
    const auto d = database::open(folder.path() / "t.db", options);
    REQUIRE_FALSE(d);
    CHECK(d.error().code() == errc::not_found);
  }
  const auto nowhere = database::open(folder.path() / "no" / "t.db");
  REQUIRE_FALSE(nowhere);
  CHECK(nowhere.error().code() == errc::io_error);
}

TEST_CASE("one that is only read cannot be written") {
  const test::temporary_directory folder;
  const auto path = folder.path() / "t.db";
  auto one = database::open(path);
  REQUIRE(one);
  REQUIRE(one->execute("CREATE TABLE t (x)"));
  auto reader = database::open(path, {.read_only = true});
  REQUIRE(reader);
  CHECK(reader->query_integer("SELECT count(*) FROM t") == 0);
  const auto done = reader->execute("INSERT INTO t VALUES (1)");
  REQUIRE_FALSE(done);
  CHECK(done.error().code() == errc::io_error);
}

TEST_CASE("constraints, wrong SQL and numbers that are too large are told apart") {
  const test::temporary_directory folder;
  auto d = database::open(folder.path() / "t.db");
  REQUIRE(d);
  REQUIRE(d->execute(
      "CREATE TABLE t (x UNIQUE, y NOT NULL CHECK (y > 0)); INSERT INTO t VALUES (1, 1)"));
  const auto code = [&](const std::string& sql) { return d->execute(sql).error().code(); };
  CHECK(code("INSERT INTO t VALUES (1, 1)") == errc::already_exists);
  CHECK(code("INSERT INTO t VALUES (2, 0)") == errc::invalid_argument);
  CHECK(code("INSERT INTO t VALUES (2, NULL)") == errc::invalid_argument);
  CHECK(code("SELEKT") == errc::internal);
  CHECK_FALSE(d->prepare("SELECT 1; SELECT 2"));
  CHECK_FALSE(d->prepare(""));
  auto put = d->prepare("INSERT INTO t VALUES (?1, ?2)");
  REQUIRE(put);
  CHECK(put->run_with(1).error().code() == errc::internal);
  CHECK(put->run_with(std::numeric_limits<std::uint64_t>::max(), 1).error().code() ==
        errc::out_of_range);
  CHECK(put->run_with(std::uint64_t{5}, true));
}

}  // namespace
}  // namespace troupe::sqlite
