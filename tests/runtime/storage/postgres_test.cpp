#include "runtime/storage/postgres.hpp"

#include <doctest/doctest.h>

namespace troupe {

TEST_CASE("addresses of PostgreSQL are told from files") {
  for (const char* address : {"postgresql://host/base", "postgres://", "postgresql:///?host=/run"})
    CHECK(postgres::is_address(address));
  for (const char* file : {"usage.db", "/var/lib/postgresql", "postgresql", "", "http://host/"})
    CHECK_FALSE(postgres::is_address(file));
}

TEST_CASE("an address may not hold a password, and the refusal does not show it") {
  for (const char* good :
       {"postgresql://user@host/base", "postgresql://host:5433,other/base?sslmode=verify-full",
        "postgresql:///base?host=/run/postgresql&passfile=/etc/troupe/pgpass"})
    CHECK(postgres::check_address(good).has_value());
  for (const char* secret :
       {"postgresql://user:hunter2@host/base", "postgresql://host/base?password=hunter2",
        "postgresql://host/base?sslpassword=hunter2", "postgresql://host/base?nonsense=hunter2",
        "postgresql://[hunter2", "hunter2"}) {
    CAPTURE(secret);
    const auto checked = postgres::check_address(secret);
    REQUIRE_FALSE(checked.has_value());
    CHECK(checked.error().code() == errc::invalid_argument);
    CHECK(checked.error().message().find("hunter2") == std::string::npos);
    CHECK_FALSE(postgres::connection::open(secret).has_value());
  }
}

}  // namespace troupe
