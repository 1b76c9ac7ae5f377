#include "runtime/billing/usage_ledger.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <future>
#include <thread>

#include "runtime/storage/sqlite_schema.hpp"
#include "tests/runtime/billing/ledger_places.hpp"
#include "tests/support/paths.hpp"

namespace troupe {
namespace {

constexpr std::chrono::seconds patience{30};

/// Hands the record in and waits until it is kept.
result<void> keep(usage_recorder& in, usage_record record) {
  auto told = std::make_shared<std::promise<result<void>>>();
  auto done = told->get_future();
  auto taken = in.record(std::move(record), [told](const result<void>& r) { told->set_value(r); });
  if (!taken) return taken;
  REQUIRE(done.wait_for(patience) == std::future_status::ready);
  return done.get();
}

using test::all_of;
using test::answer;

}  // namespace

TEST_CASE("threads and two ledgers on one store lose nothing") {
  const test::ledger_places stores;
  for (const std::string& path : stores.all()) {
    CAPTURE(path);
    constexpr int threads = 4;
    constexpr int each = 250;
    std::atomic<int> kept = 0;
    {
      const auto one = usage_ledger::open(path);
      const auto other = usage_ledger::open(path);
      REQUIRE(one.has_value());
      REQUIRE(other.has_value());
      std::vector<std::jthread> writers;
      for (int t = 0; t < threads; ++t)
        writers.emplace_back([&, t] {
          usage_ledger& in = t % 2 == 0 ? **one : **other;
          // Every second answer is told by two threads.
          for (int i = 0; i < each; ++i)
            (void)in.record(answer(fmt::format("{}-{}", i % 2 == 0 ? t / 2 * 2 : t, i)),
                            [&kept](const result<void>& r) { kept += r.has_value() ? 1 : 0; });
        });
    }  // what still waited has been written
    CHECK(kept == threads * each);
    CHECK(all_of(path).size() == threads * each * 3 / 4);
  }
}

TEST_CASE("a file of something else is no ledger") {
  const test::temporary_directory folder;
  const auto path = folder.path() / "other.db";
  {
    auto other = sqlite::database::open(path);
    REQUIRE(other.has_value());
    REQUIRE(other->execute("CREATE TABLE t (a)").has_value());
  }
  const auto opened = usage_ledger::open(path);
  REQUIRE_FALSE(opened.has_value());
  CHECK(opened.error().message().ends_with("not a ledger of usage"));
  const auto none = read_usage({folder.path() / "none.db"}, {},
                               [](const usage_record&) { return result<void>(); });
  CHECK(none.error().code() == errc::not_found);
}

TEST_CASE("where the file cannot be written, whoever waits is told why") {
  const test::temporary_directory folder;
  const auto path = folder.path() / "usage.db";
  std::vector<std::string> reported;
  const auto ledger =
      usage_ledger::open(path, [&](const std::string& line) { reported.push_back(line); });
  REQUIRE(ledger.has_value());
  auto other = sqlite::database::open(path);
  REQUIRE(other.has_value());
  {
    auto held = sqlite::transaction::begin(*other);
    REQUIRE(held.has_value());
    const auto refused = keep(**ledger, answer("a"));
    REQUIRE_FALSE(refused.has_value());
    CHECK(refused.error().code() == errc::deadline_exceeded);
    CHECK(reported == std::vector{"answer a: " + refused.error().message()});
  }
  CHECK(keep(**ledger, answer("b")).has_value());
  CHECK(all_of(path).size() == 1);
}

}  // namespace troupe
