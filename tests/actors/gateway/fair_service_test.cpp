#include "actors/gateway/fair_service.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <condition_variable>
#include <map>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "tests/actors/gateway/scripted_service.hpp"

using namespace troupe;
using troupe::gateway::fair_service;

namespace {

/// An engine that does what the test says, on the test's thread.
class manual_engine final : public generation_service {
 public:
  result<request_id> submit(generation_request request,
                            std::shared_ptr<generation_listener> listener) override {
    if (refusal) return fail(*refusal);
    accounts.push_back(request.account);
    running.emplace(++last, std::move(listener));
    return last;
  }
  void cancel(request_id id) override { running.erase(id); }
  [[nodiscard]] engine_stats stats() const override { return {}; }

  /// The oldest one ends.
  void finish() {
    REQUIRE_FALSE(running.empty());
    const auto listener = running.begin()->second;
    running.erase(running.begin());
    listener->on_done({});
  }

  std::optional<error> refusal;
  std::map<request_id, std::shared_ptr<generation_listener>> running;
  std::vector<std::uint64_t> accounts;
  request_id last = 0;
};

/// Counts how requests end; any thread.
class ending final : public generation_listener {
 public:
  void on_tokens(std::span<const token_event> events) override { (void)events; }
  void on_done(const generation_summary& summary) override {
    (void)summary;
    note({});
  }
  void on_error(const error& e) override { note(e); }
  [[nodiscard]] std::optional<error> failure() const {
    const std::lock_guard lock(mutex_);
    return failure_;
  }
  [[nodiscard]] bool wait() const {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::seconds(10), [this] { return ended_; });
  }

 private:
  void note(std::optional<error> failure) {
    const std::lock_guard lock(mutex_);
    ended_ = true;
    failure_ = std::move(failure);
    changed_.notify_all();
  }
  mutable std::mutex mutex_;
  mutable std::condition_variable changed_;
  bool ended_ = false;
  std::optional<error> failure_;
};

generation_request of(std::uint64_t account) {
  generation_request r;
  r.prompt = {1, 2, 3};
  r.max_tokens = 5;
  r.account = account;
  return r;
}

fair_limits places(std::uint32_t running) { return {running, 4, std::chrono::minutes(1)}; }

}  // namespace

TEST_CASE("as many as may run are given to the engine, the others in fair order") {
  const auto engine = std::make_shared<manual_engine>();
  fair_service service(engine, places(1));
  std::vector<std::shared_ptr<ending>> heard;
  for (const std::uint64_t account : {1U, 1U, 1U, 2U, 1U}) {
    heard.push_back(std::make_shared<ending>());
    REQUIRE(service.submit(of(account), heard.back()));
  }
  CHECK(service.submit(of(1), std::make_shared<ending>()).error().code() == errc::exhausted);
  CHECK(service.stats().requests_waiting == 4);
  CHECK(engine->running.size() == 1);
  for (int i = 0; i < 5; ++i) engine->finish();
  CHECK(engine->accounts == std::vector<std::uint64_t>{1, 2, 1, 1, 1});
  for (const auto& h : heard) {
    CHECK(h->wait());
    CHECK_FALSE(h->failure());
  }
  CHECK(service.stats().requests_waiting == 0);
}

TEST_CASE("a cancelled request gives its place, or its turn, to another") {
  const auto engine = std::make_shared<manual_engine>();
  fair_service service(engine, places(1));
  const auto runs = service.submit(of(1), std::make_shared<ending>());
  const auto waits = service.submit(of(2), std::make_shared<ending>());
  REQUIRE(service.submit(of(3), std::make_shared<ending>()));
  service.cancel(*waits);
  service.cancel(*waits);
  service.cancel(*runs);
  service.cancel(12345);
  CHECK(engine->accounts == std::vector<std::uint64_t>{1, 3});
  engine->finish();
  CHECK(engine->running.empty());
}

TEST_CASE("what the engine refuses is said at once, or to whoever listens, and takes no place") {
  const auto engine = std::make_shared<manual_engine>();
  fair_service service(engine, places(1));
  engine->refusal = error(errc::out_of_range, "too long");
  CHECK(service.submit(of(1), std::make_shared<ending>()).error().code() == errc::out_of_range);
  engine->refusal.reset();
  REQUIRE(service.submit(of(1), std::make_shared<ending>()));
  const auto heard = std::make_shared<ending>();
  REQUIRE(service.submit(of(1), heard));
  engine->refusal = error(errc::unavailable, "gone");
  engine->finish();
  CHECK(heard->wait());
  CHECK(heard->failure()->code() == errc::unavailable);
  engine->refusal.reset();
  CHECK(service.submit(of(1), std::make_shared<ending>()));
  CHECK(engine->running.size() == 1);
}

TEST_CASE("nobody waits for longer than the longest wait, nor past the end of the service") {
  const auto engine = std::make_shared<manual_engine>();
  const auto late = std::make_shared<ending>();
  const auto left = std::make_shared<ending>();
  {
    fair_service impatient(engine, {1, 4, std::chrono::milliseconds(1)});
    REQUIRE(impatient.submit(of(1), std::make_shared<ending>()));
    REQUIRE(impatient.submit(of(1), late));
    CHECK(late->wait());
    CHECK(late->failure()->code() == errc::exhausted);
    fair_service patient(engine, places(1));
    REQUIRE(patient.submit(of(1), std::make_shared<ending>()));
    REQUIRE(patient.submit(of(1), left));
  }
  CHECK(left->wait());
  CHECK(left->failure()->code() == errc::unavailable);
  // Requests under way outlive the service.
  while (!engine->running.empty()) engine->finish();
}

TEST_CASE("threads that submit and cancel at once leave every place free") {
  const auto engine = std::make_shared<test::scripted_service>();
  fair_service service(engine, {3, 1000, std::chrono::minutes(1)});
  std::atomic<int> taken = 0;
  {
    std::vector<std::jthread> clients;
    for (std::uint64_t account = 1; account <= 4; ++account) {
      clients.emplace_back([&service, &taken, account] {
        for (int i = 0; i < 100; ++i) {
          const auto heard = std::make_shared<ending>();
          const auto id = service.submit(of(account), heard);
          if (!id) continue;
          ++taken;
          if (i % 3 == 0)
            service.cancel(*id);
          else if (!heard->wait() || heard->failure())
            --taken;
        }
      });
    }
  }
  CHECK(taken == 400);
  CHECK(service.stats().requests_waiting == 0);
  for (int i = 0; i < 3; ++i) {
    const auto heard = std::make_shared<ending>();
    REQUIRE(service.submit(of(1), heard));
    CHECK(heard->wait());
  }
}
