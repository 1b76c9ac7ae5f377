#include "runtime/storage/sqlite.hpp"

#include <doctest/doctest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstring>

#include "tests/support/paths.hpp"

namespace troupe::sqlite {
namespace {

database open_in(const test::temporary_directory& folder) {
  auto opened = database::open(folder.path() / "t.db");
  REQUIRE(opened);
  return std::move(*opened);
}

TEST_CASE("values come back as they went in") {
  const test::temporary_directory folder;
  database d = open_in(folder);
  REQUIRE(d.execute("CREATE TABLE t (i, r, s, b, n, o)"));
  auto put = d.prepare("INSERT INTO t VALUES (?1, ?2, ?3, ?4, ?5, ?6)");
  REQUIRE(put);
  const std::array bytes{std::byte{0}, std::byte{255}};
  const std::string text("a\0'b", 4);
  REQUIRE(put->run_with(std::int64_t{-5}, 0.25, std::string_view(text),
                        std::span<const std::byte>(bytes), std::nullopt,
                        std::optional<std::uint32_t>(7)));
  CHECK(d.changes() == 1);
  CHECK(d.last_insert_id() == 1);
  auto get = d.prepare("SELECT i, r, s, b, n, o FROM t");
  REQUIRE(get);
  REQUIRE(get->step().value());
  CHECK(get->integer(0) == -5);
  CHECK(get->real(1) == 0.25);
  CHECK(get->text(2) == text);
  CHECK(get->bytes(3) == std::vector(bytes.begin(), bytes.end()));
  CHECK(get->is_null(4));
  CHECK_FALSE(get->integer_if(4));
  CHECK(get->integer_if(5) == 7);
  CHECK_FALSE(get->step().value());
}

TEST_CASE("empty text and empty bytes are not NULL") {
  const test::temporary_directory folder;
  database d = open_in(folder);
  auto get = d.prepare("SELECT ?1, ?2, ?3");
  REQUIRE(get);
  REQUIRE(get->bind(std::string_view(), std::span<const std::byte>(), std::optional<double>()));
  REQUIRE(get->step().value());
  CHECK_FALSE(get->is_null(0));
  CHECK_FALSE(get->is_null(1));
  CHECK(get->is_null(2));
}

TEST_CASE("a statement is used again with other values") {
  const test::temporary_directory folder;
  database d = open_in(folder);
  auto twice = d.prepare("SELECT 2 * ?1");
  REQUIRE(twice);
  for (int i = 0; i < 3; ++i) {
    REQUIRE(twice->bind(i));
    REQUIRE(twice->step().value());
    CHECK(twice->integer(0) == 2 * i);
  }
}

TEST_CASE("a transaction that is not committed leaves nothing") {
  const test::temporary_directory folder;
  database d = open_in(folder);
  REQUIRE(d.execute("CREATE TABLE t (x)"));
  {
    auto change = transaction::begin(d);
    REQUIRE(change);
    REQUIRE(d.execute("INSERT INTO t VALUES (1)"));
  }
  CHECK(d.query_integer("SELECT count(*) FROM t") == 0);
  {
    auto change = transaction::begin(d);
    REQUIRE(change);
    REQUIRE(d.execute("INSERT INTO t VALUES (1)"));
    CHECK(change->commit());
    CHECK_FALSE(change->commit());
  }
  CHECK(d.query_integer("SELECT count(*) FROM t") == 1);
}

TEST_CASE("what was committed is there after kill -9, and what was not is gone") {
  const test::temporary_directory folder;
  const auto path = folder.path() / "t.db";
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    auto d = database::open(path);
    if (!d || !d->execute("CREATE TABLE t (x); INSERT INTO t VALUES (1); INSERT INTO t VALUES (2)"))
      ::_exit(1);
    auto change = transaction::begin(*d);
    if (!change || !d->execute("INSERT INTO t VALUES (3)")) ::_exit(1);
    ::raise(SIGKILL);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  REQUIRE(WIFSIGNALED(status));
  auto d = database::open(path);
  REQUIRE(d);
  CHECK(d->query_integer("SELECT sum(x) FROM t") == 3);
  CHECK(d->query_integer("PRAGMA synchronous") == 2);
}

TEST_CASE("a connection sees that another one has changed something") {
  const test::temporary_directory folder;
  database one = open_in(folder);
  database other = open_in(folder);
  const auto before = one.version_of_others();
  REQUIRE(before);
  REQUIRE(one.execute("CREATE TABLE t (x)"));
  CHECK(one.version_of_others() == before);
  REQUIRE(other.execute("INSERT INTO t VALUES (1)"));
  CHECK(one.version_of_others() != before);
}

TEST_CASE("the file and its log are its owner's alone") {
  const test::temporary_directory folder;
  database d = open_in(folder);
  REQUIRE(d.execute("CREATE TABLE t (x)"));
  for (const char* name : {"t.db", "t.db-wal"}) {
    struct stat about = {};
    REQUIRE(::stat((folder.path() / name).c_str(), &about) == 0);
    CHECK((about.st_mode & 0777U) == 0600U);
  }
}

}  // namespace
}  // namespace troupe::sqlite
