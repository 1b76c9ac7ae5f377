#include "runtime/tracing/span_exporter.hpp"

#include <doctest/doctest.h>

#include <memory>
#include <string>

using namespace troupe;
using namespace std::chrono_literals;

namespace {

constexpr auto patience = 10s;

/// A collector whose answers a test chooses.
class collector {
 public:
  result<void> take(std::string json) {
    std::unique_lock lock(mutex_);
    ++asked_;
    changed_.notify_all();
    if (!changed_.wait_for(lock, patience, [this] { return !held_; }))
      return fail(errc::deadline_exceeded, "held for ever");
    if (failure_) return fail(*failure_, "the collector says so");
    got_.push_back(std::move(json));
    changed_.notify_all();
    return {};
  }
  void fail_with(std::optional<errc> failure) {
    const std::lock_guard lock(mutex_);
    failure_ = failure;
  }
  void hold(bool held) {
    const std::lock_guard lock(mutex_);
    held_ = held;
    changed_.notify_all();
  }
  bool wait_asked(int times) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, patience, [&] { return asked_ >= times; });
  }
  bool wait_got(std::size_t messages) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, patience, [&] { return got_.size() >= messages; });
  }
  [[nodiscard]] std::size_t spans() {
    const std::lock_guard lock(mutex_);
    std::size_t count = 0;
    for (const std::string& message : got_)
      for (std::size_t at = message.find("spanId"); at != std::string::npos;
           at = message.find("spanId", at + 1))
        ++count;
    return count;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::string> got_;
  std::optional<errc> failure_;
  int asked_ = 0;
  bool held_ = false;
};

exporter_settings quick(const std::shared_ptr<collector>& to) {
  exporter_settings settings;
  settings.gather = 1ms;
  settings.first_pause = 1ms;
  settings.longest_pause = 2ms;
  settings.send = [to](std::string json) { return to->take(std::move(json)); };
  return settings;
}

std::vector<span> some(std::size_t count) { return std::vector<span>(count); }

}  // namespace

TEST_CASE("spans reach the collector, many in one message") {
  const auto to = std::make_shared<collector>();
  exporter_settings settings = quick(to);
  settings.most_sent = 4;
  span_exporter exporter(std::move(settings));
  exporter.offer(some(10));
  CHECK(to->wait_got(3));
  CHECK(to->spans() == 10);
  CHECK(exporter.dropped() == 0);
}

TEST_CASE("a collector that is away is asked again, and what it missed comes then") {
  const auto to = std::make_shared<collector>();
  to->fail_with(errc::unavailable);
  std::vector<std::string> said;
  exporter_settings settings = quick(to);
  settings.warn = [&said](std::string_view line) { said.emplace_back(line); };
  {
    span_exporter exporter(std::move(settings));
    exporter.offer(some(3));
    CHECK(to->wait_asked(3));
    to->fail_with(std::nullopt);
    CHECK(to->wait_got(1));
    exporter.offer(some(1));
    CHECK(to->wait_got(2));
    CHECK(exporter.dropped() == 0);
  }
  CHECK(to->spans() == 4);
  // Said once each, however often it was tried.
  REQUIRE(said.size() == 2);
  CHECK(said[0].find("the collector says so") != std::string::npos);
}

TEST_CASE("what a collector will never take is dropped, and the next goes on") {
  const auto to = std::make_shared<collector>();
  to->fail_with(errc::io_error);
  span_exporter exporter(quick(to));
  exporter.offer(some(3));
  CHECK(to->wait_asked(1));
  to->fail_with(std::nullopt);
  exporter.offer(some(2));
  CHECK(to->wait_got(1));
  CHECK(to->spans() + exporter.dropped() == 5);
}

TEST_CASE("a collector that hangs costs its offerers nothing, and memory stays bounded") {
  const auto to = std::make_shared<collector>();
  to->hold(true);
  exporter_settings settings = quick(to);
  settings.most_waiting = 100;
  settings.most_sent = 10;
  span_exporter exporter(std::move(settings));
  exporter.offer(some(10));
  CHECK(to->wait_asked(1));
  for (int i = 0; i < 100; ++i) exporter.offer(some(10));
  CHECK(exporter.dropped() == 900);
  to->hold(false);
  CHECK(to->wait_got(11));
  CHECK(to->spans() == 110);
}

TEST_CASE("what waits at the end is sent once more") {
  const auto to = std::make_shared<collector>();
  {
    exporter_settings settings = quick(to);
    settings.gather = 60s;
    span_exporter exporter(std::move(settings));
    exporter.offer(some(5));
  }
  CHECK(to->spans() == 5);
}
