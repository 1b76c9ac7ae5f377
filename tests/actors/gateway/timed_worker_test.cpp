#include "actors/gateway/timed_worker.hpp"

#include <doctest/doctest.h>

#include <future>
#include <string>

using troupe::gateway::timed_worker;

namespace {

constexpr std::chrono::seconds patience{30};

TEST_CASE("jobs are done in the order of their times") {
  timed_worker worker(8);
  std::string order;
  std::promise<void> begin;
  std::promise<void> done;
  REQUIRE(worker.post([&, gate = begin.get_future().share()] { gate.wait_for(patience); }));
  REQUIRE(worker.post(
      [&] {
        order += "late";
        done.set_value();
      },
      std::chrono::milliseconds(20)));
  REQUIRE(worker.post([&] { order += "first "; }));
  REQUIRE(worker.post([&] { order += "second "; }));
  begin.set_value();
  REQUIRE(done.get_future().wait_for(patience) == std::future_status::ready);
  CHECK(order == "first second late");
}

TEST_CASE("what is due is done before the end, and what is not is dropped") {
  bool due = false;
  bool later = false;
  timed_worker worker(8);
  REQUIRE(worker.post([&] { due = true; }));
  REQUIRE(worker.post([&] { later = true; }, std::chrono::hours(1)));
  worker.stop();
  CHECK(due);
  CHECK_FALSE(later);
  CHECK_FALSE(worker.post([] {}));
}

TEST_CASE("no more jobs wait than may") {
  timed_worker worker(2);
  CHECK(worker.post([] {}, std::chrono::hours(1)));
  CHECK(worker.post([] {}, std::chrono::hours(1)));
  CHECK_FALSE(worker.post([] {}));
}

}  // namespace
