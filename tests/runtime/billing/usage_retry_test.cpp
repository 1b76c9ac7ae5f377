#include <doctest/doctest.h>

#include <future>

#include "runtime/billing/usage_ledger.hpp"

namespace troupe {
namespace {

constexpr std::chrono::seconds patience{30};

usage_record answer(const std::string& id) {
  usage_record r;
  r.id = id;
  return r;
}

/// What a store was told, and whether it is there.
struct store_state {
  std::mutex mutex;
  int failures_left = 0;  ///< below zero: for ever
  int puts = 0;
  std::vector<std::string> kept;
};

class fickle_store final : public usage_store {
 public:
  explicit fickle_store(store_state& state) : state_(state) {}

  std::vector<result<void>> put(std::span<const usage_record* const> records) override {
    const std::scoped_lock lock(state_.mutex);
    ++state_.puts;
    if (state_.failures_left != 0) {
      --state_.failures_left;
      return std::vector<result<void>>(records.size(), fail(errc::unavailable, "gone"));
    }
    std::vector<result<void>> out;
    for (const usage_record* r : records) {
      state_.kept.push_back(r->id);
      out.push_back(r->id == "bad" ? result<void>(fail(errc::invalid_argument, "no"))
                                   : result<void>());
    }
    return out;
  }

 private:
  store_state& state_;
};

/// The future of what becomes of a record.
std::future<result<void>> keep(usage_ledger& in, const std::string& id) {
  auto told = std::make_shared<std::promise<result<void>>>();
  auto done = told->get_future();
  REQUIRE(in.record(answer(id), [told](const result<void>& r) { told->set_value(r); }).has_value());
  return done;
}

}  // namespace

TEST_CASE("records wait while the store is away, and are told once each, in their order") {
  store_state state;
  state.failures_left = 4;
  std::vector<std::string> reported;
  {
    usage_ledger ledger(std::make_unique<fickle_store>(state),
                        [&](const std::string& line) { reported.push_back(line); });
    auto first = keep(ledger, "1");
    auto bad = keep(ledger, "bad");
    auto second = keep(ledger, "2");
    REQUIRE(second.wait_for(patience) == std::future_status::ready);
    CHECK(first.get().has_value());
    CHECK_FALSE(bad.get().has_value());
    CHECK(second.get().has_value());
    CHECK(ledger.failures() == 1);
  }
  CHECK(state.kept == std::vector<std::string>{"1", "bad", "2"});
  CHECK(reported == std::vector<std::string>{"it is away, and tried again: gone", "answer bad: no",
                                             "it is back"});
}

TEST_CASE("a store that stays away costs each record its patience, and no more") {
  store_state state;
  state.failures_left = -1;
  std::future<result<void>> last;
  {
    usage_ledger ledger(std::make_unique<fickle_store>(state), {}, std::chrono::milliseconds(200));
    auto first = keep(ledger, "1");
    REQUIRE(first.wait_for(patience) == std::future_status::ready);
    CHECK(first.get().error().code() == errc::unavailable);
    CHECK(ledger.failures() == 1);
    last = keep(ledger, "2");
  }  // closes with somebody waiting
  REQUIRE(last.wait_for(std::chrono::seconds(0)) == std::future_status::ready);
  CHECK(last.get().error().code() == errc::unavailable);
  CHECK(state.kept.empty());
  // The pauses grow: it is not asked again and again.
  CHECK(state.puts < 40);
}

TEST_CASE("no more records than it may hold wait for a store that is away") {
  store_state state;
  state.failures_left = -1;
  usage_ledger ledger(std::make_unique<fickle_store>(state), {}, std::chrono::milliseconds(500));
  std::atomic<std::size_t> told{0};
  std::size_t taken = 0;
  result<void> refused;
  for (std::size_t i = 0; i <= usage_ledger::most_waiting && refused; ++i) {
    refused = ledger.record(answer(std::to_string(i)), [&](const result<void>&) { ++told; });
    if (refused) ++taken;
  }
  // Unless the machine was so slow that the first were given up already.
  if (!refused) CHECK(refused.error().code() == errc::exhausted);
  CHECK(taken - told <= usage_ledger::most_waiting);
}

}  // namespace troupe
