#pragma once

#include <doctest/doctest.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <map>
#include <string>
#include <vector>

#include "runtime/billing/usage_reading.hpp"
#include "runtime/storage/postgres.hpp"
#include "tests/support/paths.hpp"

namespace troupe::test {

/// The database that tests/e2e/postgres_server.py runs the tests beside; empty: there is none.
inline std::string test_database() {
  const char* address = std::getenv("TROUPE_TEST_POSTGRES");
  return address == nullptr ? std::string() : address;
}

/// Runs a statement in the test's database.
inline void in_database(const std::string& address, const std::string& sql) {
  auto connected = postgres::connection::open(address);
  REQUIRE_MESSAGE(connected.has_value(), connected.error().message());
  const auto done =
      connected->run(sql, {}, std::chrono::steady_clock::now() + std::chrono::seconds(30));
  REQUIRE_MESSAGE(done.has_value(), done.error().message());
}

/// A schema that nobody else has, as an address; the database must be there.
inline std::string new_schema() {
  static std::atomic<int> count{0};
  const std::string name = "t" + std::to_string(::getpid()) + "_" + std::to_string(++count);
  in_database(test_database(), "CREATE SCHEMA " + name);
  return test_database() + "&options=-csearch_path%3D" + name;
}

/// An empty ledger of each kind: a file, and where there is a database, a table.
class ledger_places {
 public:
  ledger_places() {
    places_.push_back((folder_.path() / "usage.db").string());
    if (!test_database().empty()) places_.push_back(new_schema());
  }
  [[nodiscard]] const std::vector<std::string>& all() const { return places_; }

 private:
  temporary_directory folder_;
  std::vector<std::string> places_;
};

inline usage_record answer(const std::string& id, std::uint64_t output = 5) {
  usage_record r;
  r.id = id;
  r.created = 1'700'000'000;
  r.key = "alice";
  r.model = "tiny";
  r.tokens.input = 100;
  r.tokens.implicit_hits = 10;
  r.tokens.output = output;
  r.cost = request_cost{"USD", amount(1), amount(2), amount(output), amount(3 + output)};
  return r;
}

/// Every record of the ledgers together, each of which comes once.
inline std::map<std::string, usage_record> all_of(const std::vector<std::string>& places,
                                                  const time_span& span = {}) {
  std::map<std::string, usage_record> out;
  const auto done = read_usage(places, span, [&](const usage_record& r) -> result<void> {
    CHECK(out.emplace(r.id, r).second);
    return {};
  });
  REQUIRE_MESSAGE(done.has_value(), done.error().message());
  return out;
}
inline std::map<std::string, usage_record> all_of(const std::string& place) {
  return all_of(std::vector{place});
}

}  // namespace troupe::test
