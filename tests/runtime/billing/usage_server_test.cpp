#include "runtime/billing/usage_server.hpp"

#include <doctest/doctest.h>

#include "tests/runtime/billing/ledger_places.hpp"

namespace troupe {
namespace {

using test::all_of;
using test::answer;

/// An address in another role's name.
std::string as_role(std::string address, const std::string& role) {
  const auto end = address.find('@');
  REQUIRE(end != std::string::npos);
  return address.replace(0, end, "postgresql://" + role);
}

}  // namespace

TEST_CASE("a record that the database cannot hold does not take others along") {
  if (test::test_database().empty()) return;
  const std::string place = test::new_schema();
  const auto store = usage_server::open(place);
  REQUIRE_MESSAGE(store.has_value(), store.error().message());
  const usage_record good = answer("good");
  usage_record no_text = answer("bad");
  no_text.key = std::string("a\0b", 3);
  usage_record no_number = answer("large");
  no_number.tokens.input = ~std::uint64_t{0};
  const usage_record other = answer("other");
  const auto done =
      (*store)->put(std::vector<const usage_record*>{&good, &no_text, &no_number, &other});
  REQUIRE(done.size() == 4);
  CHECK(done[0].has_value());
  REQUIRE_FALSE(done[1].has_value());
  CHECK(done[1].error().code() == errc::invalid_argument);
  REQUIRE_FALSE(done[2].has_value());
  CHECK(done[2].error().code() == errc::invalid_argument);
  CHECK(done[3].has_value());
  CHECK(all_of(place).size() == 2);
}

TEST_CASE("a connection that is cut is unavailable once, and opened again") {
  if (test::test_database().empty()) return;
  const std::string place = test::new_schema();
  const auto store = usage_server::open(place);
  REQUIRE_MESSAGE(store.has_value(), store.error().message());
  test::in_database(place,
                    "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE "
                    "application_name = 'troupe' AND pid <> pg_backend_pid() AND query LIKE "
                    "'%troupe_usage%'");
  const usage_record one = answer("one");
  const auto cut = (*store)->put(std::vector{&one});
  REQUIRE_FALSE(cut.front().has_value());
  CHECK(cut.front().error().code() == errc::unavailable);
  CHECK((*store)->put(std::vector{&one}).front().has_value());
  CHECK(all_of(place).size() == 1);
}

TEST_CASE("a role that may not is refused at the start, with the reason") {
  if (test::test_database().empty()) return;
  const std::string place = test::new_schema();
  const std::string schema = place.substr(place.rfind("%3D") + 3);
  const std::string role = "poor_" + schema;
  test::in_database(place, "CREATE ROLE " + role + " LOGIN");
  test::in_database(place, "GRANT USAGE ON SCHEMA " + schema + " TO " + role);
  const auto no_table = usage_server::open(as_role(place, role));
  REQUIRE_FALSE(no_table.has_value());
  CHECK(no_table.error().code() == errc::io_error);
  CHECK(no_table.error().message() ==
        "the table troupe_usage: permission denied for schema " + schema);
  REQUIRE(usage_server::open(place).has_value());
  test::in_database(place, "GRANT SELECT, INSERT ON troupe_usage TO " + role);
  const auto no_update = usage_server::open(as_role(place, role));
  REQUIRE_FALSE(no_update.has_value());
  CHECK(no_update.error().message() ==
        "the table troupe_usage: permission denied for table troupe_usage");
  test::in_database(place, "GRANT UPDATE ON troupe_usage TO " + role);
  const auto rich = usage_server::open(as_role(place, role));
  CHECK_MESSAGE(rich.has_value(), rich.error().message());
}

TEST_CASE("a table of something else is no ledger, and a database without one is none") {
  if (test::test_database().empty()) return;
  const std::string place = test::new_schema();
  const auto none = read_usage_server(place, {});
  REQUIRE_FALSE(none.has_value());
  CHECK(none.error().code() == errc::not_found);
  CHECK(none.error().message().ends_with("there is no table troupe_usage"));
  test::in_database(place, "CREATE TABLE troupe_usage (id text PRIMARY KEY, other int)");
  const auto opened = usage_server::open(place);
  REQUIRE_FALSE(opened.has_value());
  CHECK(opened.error().message() ==
        "the table troupe_usage: column \"created\" of relation \"troupe_usage\" does not exist");
}

TEST_CASE("without a server there is one line that says so") {
  const auto opened = usage_server::open("postgresql://troupe@127.0.0.1:1/base");
  REQUIRE_FALSE(opened.has_value());
  CHECK(opened.error().code() == errc::unavailable);
  CHECK(opened.error().message().find("Connection refused") != std::string::npos);
  CHECK(opened.error().message().find('\n') == std::string::npos);
}

}  // namespace troupe
