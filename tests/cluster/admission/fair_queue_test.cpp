#include "cluster/admission/fair_queue.hpp"

#include <doctest/doctest.h>

#include <map>
#include <string>

namespace troupe {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr fair_queue::time start{};

fair_limits one_at_a_time() { return {1, 100, seconds(10)}; }

/// Lets everything run, one after the other: the accounts in that order.
std::string order(fair_queue& q, const std::map<std::uint64_t, std::uint64_t>& owners) {
  std::string out;
  while (const auto id = q.next()) {
    out += std::to_string(owners.at(*id));
    q.finished();
  }
  return out;
}

TEST_CASE("what fits runs at once, in order") {
  fair_queue q({2, 10, seconds(10)});
  for (std::uint64_t id = 1; id <= 3; ++id) CHECK(q.offer({id, 1, 1, 5}, start));
  CHECK(q.next() == 1);
  CHECK(q.next() == 2);
  CHECK_FALSE(q.next());
  q.finished();
  CHECK(q.next() == 3);
}

TEST_CASE("an account that sends much does not hold up one that sends little") {
  fair_queue q(one_at_a_time());
  std::map<std::uint64_t, std::uint64_t> owners;
  std::uint64_t id = 0;
  for (int i = 0; i < 6; ++i) {
    owners[++id] = 1;
    CHECK(q.offer({id, 1, 1, 100}, start));
  }
  for (int i = 0; i < 3; ++i) {
    owners[++id] = 2;
    CHECK(q.offer({id, 2, 1, 100}, start));
  }
  CHECK(order(q, owners) == "121212111");
}

TEST_CASE("shares are of tokens, not of requests") {
  fair_queue q(one_at_a_time());
  std::map<std::uint64_t, std::uint64_t> owners;
  std::uint64_t id = 0;
  for (int i = 0; i < 4; ++i) {
    owners[++id] = 1;
    CHECK(q.offer({id, 1, 1, 300}, start));
  }
  for (int i = 0; i < 6; ++i) {
    owners[++id] = 2;
    CHECK(q.offer({id, 2, 1, 100}, start));
  }
  CHECK(order(q, owners) == "1222122211");
}

TEST_CASE("an account that was idle does not save up") {
  fair_queue q(one_at_a_time());
  std::map<std::uint64_t, std::uint64_t> owners;
  for (std::uint64_t id = 1; id <= 20; ++id) {
    CHECK(q.offer({id, 1, 1, 100}, start));
    CHECK(q.next() == id);
    q.finished();
  }
  for (std::uint64_t id = 21; id <= 28; ++id) {
    owners[id] = id % 2 + 1;
    CHECK(q.offer({id, owners[id], 1, 100}, start));
  }
  const std::string ran = order(q, owners);
  CHECK((ran == "21212121" || ran == "12121212" || ran == "22121211" || ran == "21212211"));
}

TEST_CASE("a higher rank goes first, and any rank is known") {
  fair_queue q(one_at_a_time());
  CHECK(q.offer({1, 1, 2, 1}, start));
  CHECK(q.offer({2, 1, 1, 1}, start));
  CHECK(q.offer({3, 1, 0, 1}, start));
  CHECK(q.offer({4, 1, 200, 1}, start));
  CHECK(order(q, {{1, 1}, {2, 2}, {3, 3}, {4, 4}}) == "3214");
}

TEST_CASE("the queue is bounded, and so is each wait") {
  fair_queue q({1, 2, seconds(10)});
  CHECK(q.offer({1, 1, 1, 1}, start));
  CHECK(q.next() == 1);
  CHECK(q.offer({2, 1, 1, 1}, start));
  CHECK(q.offer({3, 1, 1, 1}, start + seconds(1)));
  CHECK_FALSE(q.offer({4, 1, 1, 1}, start));
  CHECK(q.next_expiry() == start + seconds(10));
  CHECK(q.waiting_since() == start);
  CHECK(q.expired(start + milliseconds(9'999)).empty());
  CHECK(q.expired(start + seconds(10)) == std::vector<std::uint64_t>{2});
  CHECK(q.waiting() == 1);
  CHECK(q.withdraw(3));
  CHECK_FALSE(q.withdraw(3));
  CHECK_FALSE(q.next_expiry());
  CHECK_FALSE(q.waiting_since());
}

TEST_CASE("the wait is foretold from what was worked off, by whoever goes before") {
  fair_queue q(one_at_a_time());
  CHECK(q.expected_wait({1, 1, 1, 100})->count() == 0);
  CHECK(q.offer({1, 1, 1, 100}, start));
  CHECK(q.next() == 1);
  CHECK_FALSE(q.expected_wait({2, 1, 1, 100}));
  for (int i = 0; i <= 20; ++i) q.worked(5, start + milliseconds(100 * i));
  for (std::uint64_t id = 2; id <= 11; ++id) CHECK(q.offer({id, 1, 1, 100}, start));
  // Fifty tokens a second; the same account waits for all ten, another one for the first alone.
  CHECK(q.expected_wait({12, 1, 1, 100})->count() == doctest::Approx(20).epsilon(0.05));
  CHECK(q.expected_wait({12, 2, 1, 100})->count() < 5);
  CHECK(q.expected_wait({12, 2, 0, 100})->count() == 0);
  CHECK(q.expected_wait({12, 2, 2, 100})->count() == doctest::Approx(20).epsilon(0.05));
}

TEST_CASE("silence without work says nothing of the rate") {
  work_rate r;
  r.add(10, false, start);
  r.add(10, false, start + seconds(100));
  CHECK_FALSE(r.per_second());
  r.add(10, true, start + seconds(101));
  CHECK(r.per_second().value() == doctest::Approx(10));
}

}  // namespace
}  // namespace troupe
