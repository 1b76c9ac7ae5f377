#include "cluster/failure_detector.hpp"

#include <doctest/doctest.h>

#include <algorithm>

#include "cluster/step_deadline.hpp"

namespace troupe::test {
namespace {

using namespace std::chrono_literals;
using time_point = failure_detector::time_point;
using peers = std::vector<peer_id>;

/// A detector that is ticked every 100 ms while peers beat as often, unless they are silent.
struct observer {
  failure_detector detector;
  time_point now{1h};
  peers silent;
  peers suspected, gone, trusted;

  explicit observer(std::size_t count) {
    for (peer_id p = 1; p <= count; ++p) detector.watch(p, now);
  }
  void beat(std::size_t count) {
    for (peer_id p = 1; p <= count; ++p) {
      if (std::ranges::find(silent, p) == silent.end() && detector.heard(p, now))
        trusted.push_back(p);
    }
  }
  void tick() {
    const auto v = detector.tick(now);
    suspected.insert(suspected.end(), v.suspect.begin(), v.suspect.end());
    gone.insert(gone.end(), v.gone.begin(), v.gone.end());
  }
  void pass(std::chrono::milliseconds time, std::size_t count) {
    for (const time_point end = now + time; now < end;) {
      now += 100ms;
      beat(count);
      tick();
    }
  }
};

TEST_CASE("who beats stays, who is silent is suspect and then gone, once each") {
  observer o(3);
  o.pass(3s, 3);
  CHECK(o.suspected.empty());
  o.silent = {2};
  o.pass(400ms, 3);
  CHECK(o.suspected.empty());
  o.pass(100ms, 3);
  CHECK(o.suspected == peers{2});
  CHECK(o.detector.is_suspect(2));
  o.pass(1400ms, 3);
  CHECK(o.gone.empty());
  o.pass(100ms, 3);
  CHECK(o.gone == peers{2});
  o.pass(5s, 3);
  CHECK(o.suspected == peers{2});
  CHECK(o.gone == peers{2});
  CHECK_FALSE(o.detector.heard(2, o.now));
  CHECK(o.detector.silence(2, o.now) == 0s);
}

TEST_CASE("a heartbeat withdraws suspicion, and silence is counted anew") {
  observer o(2);
  o.silent = {1};
  o.pass(1s, 2);
  CHECK(o.suspected == peers{1});
  o.silent = {};
  o.pass(100ms, 2);
  CHECK(o.trusted == peers{1});
  CHECK_FALSE(o.detector.is_suspect(1));
  o.silent = {1};
  o.pass(400ms, 2);
  CHECK(o.suspected == peers{1});
  o.pass(100ms, 2);
  CHECK(o.suspected == peers{1, 1});
  CHECK(o.gone.empty());
}

TEST_CASE("an observer that was frozen does not take the others for dead") {
  for (const auto frozen : {300ms, 1000ms, 20000ms, 3600000ms}) {
    observer o(5);
    o.silent = {4};
    o.pass(400ms, 5);  // peer 4 is nearly suspect when the observer freezes
    o.now += frozen;
    o.tick();  // before anything that arrived meanwhile was read
    CHECK(o.suspected.empty());
    CHECK(o.gone.empty());
    o.silent = {};
    o.pass(2s, 5);
    CHECK(o.suspected.empty());
    CHECK(o.gone.empty());
    CHECK(o.detector.stalls() == 1);
  }
}

TEST_CASE("who died while the observer was frozen is found out soon after") {
  observer o(3);
  o.pass(1s, 3);
  o.now += 20s;
  o.silent = {3};
  o.pass(500ms, 3);
  CHECK(o.suspected == peers{3});
  o.pass(1500ms, 3);
  CHECK(o.gone == peers{3});
}

TEST_CASE("an observer that is always late is slow, not blind") {
  observer o(2);
  o.silent = {2};
  for (int i = 0; i < 40; ++i) {
    o.now += 700ms;
    o.beat(2);
    o.tick();
  }
  CHECK(o.suspected == peers{2});
  CHECK(o.gone == peers{2});
}

TEST_CASE("other evidence makes a peer suspect at once, and hearing it withdraws that") {
  observer o(2);
  o.pass(1s, 2);
  CHECK(o.detector.accuse(1));
  CHECK_FALSE(o.detector.accuse(1));
  CHECK_FALSE(o.detector.accuse(9));
  CHECK(o.detector.is_suspect(1));
  o.pass(100ms, 2);
  CHECK(o.trusted == peers{1});
  CHECK(o.suspected.empty());
}

TEST_CASE("times that run backwards between callers do no harm") {
  observer o(2);
  o.pass(1s, 2);
  CHECK_FALSE(o.detector.heard(1, o.now - 10s));
  const auto v = o.detector.tick(o.now - 10s);
  CHECK(v.suspect.empty());
  o.pass(1s, 2);
  CHECK(o.suspected.empty());
  o.detector.forget(1);
  o.silent = {1, 2};
  o.pass(5s, 2);
  CHECK(o.gone == peers{2});
}

TEST_CASE("a peer that is watched later has its time from then on") {
  observer o(1);
  o.pass(10s, 1);
  o.detector.watch(2, o.now);
  o.pass(400ms, 1);
  CHECK(o.suspected.empty());
  o.pass(100ms, 1);
  CHECK(o.suspected == peers{2});
}

TEST_CASE("a step's deadline is a multiple of recent steps between floor and ceiling") {
  step_deadline d({.multiple = 8, .floor = 200ms, .ceiling = 10s});
  CHECK(d.allowed(1) == 10s);
  d.observe(1, 10ms);
  CHECK(d.allowed(1) == 200ms);
  for (int i = 0; i < 5; ++i) d.observe(1, 100ms);
  CHECK(d.allowed(1) == 800ms);
  d.observe(1, 5s);
  CHECK(d.allowed(1) == 10s);
  for (int i = 0; i < 32; ++i) d.observe(1, 50ms);
  CHECK(d.allowed(1) == 400ms);
}

TEST_CASE("a large step may take longer than the small ones before it") {
  step_deadline d({.multiple = 8, .floor = 200ms, .ceiling = 60s});
  for (int i = 0; i < 40; ++i) d.observe(1, 10ms);
  CHECK(d.allowed(256) == 8 * 2560ms);
  d.observe(256, 400ms);
  CHECK(d.allowed(256) == 3200ms);
  CHECK(d.allowed(512) == 6400ms);
  CHECK(d.allowed(200) == 3200ms);
  d.observe(0, -5ms);
  CHECK(d.allowed(256) == 3200ms);
}

}  // namespace
}  // namespace troupe::test
