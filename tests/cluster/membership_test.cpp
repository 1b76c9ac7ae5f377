#include "cluster/membership.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <random>

namespace troupe::test {
namespace {

using namespace std::chrono_literals;
using time_point = membership::time_point;

const time_point start{1h};

member_info info(peer_id peer, const std::string& name) {
  return {peer, name, "host", 100 + peer, "1.2.0", "abc", "AVX2", 1U << 30U, 2};
}

membership fresh() { return membership({"1.2.0", "abc", ""}); }

std::string last_event(const membership& m) { return m.events().back().text; }

TEST_CASE("a node joins, is up, drains and is gone") {
  membership m = fresh();
  REQUIRE(m.join(info(1, "a"), start));
  CHECK(m.find(peer_id{1})->state == member_state::joining);
  REQUIRE(m.ready(1, start + 1s));
  CHECK(m.find(peer_id{1})->state == member_state::up);
  CHECK(m.find(peer_id{1})->since == start + 1s);
  REQUIRE(m.drain(1, start + 2s));
  CHECK(m.find("a")->state == member_state::draining);
  REQUIRE(m.drain(1, start + 3s));
  CHECK(m.find("a")->since == start + 2s);
  REQUIRE(m.lose(1, start + 4s, "it left"));
  CHECK(m.count(member_state::gone) == 1);
  CHECK(last_event(m) == "a is gone: it left");
  CHECK(m.events().size() == 4);
}

TEST_CASE("suspicion is withdrawn to the state from before") {
  membership m = fresh();
  for (peer_id p = 1; p <= 3; ++p) REQUIRE(m.join(info(p, fmt::format("n{}", p)), start));
  REQUIRE(m.ready(2, start));
  REQUIRE(m.ready(3, start));
  REQUIRE(m.drain(3, start));
  for (peer_id p = 1; p <= 3; ++p) REQUIRE(m.suspect(p, start + 1s, "silent for 0.5 s"));
  CHECK(m.count(member_state::suspect) == 3);
  CHECK(last_event(m) == "n3 is suspect: silent for 0.5 s");
  for (peer_id p = 1; p <= 3; ++p) REQUIRE(m.trust(p, start + 2s));
  CHECK(m.find(peer_id{1})->state == member_state::joining);
  CHECK(m.find(peer_id{2})->state == member_state::up);
  CHECK(m.find(peer_id{3})->state == member_state::draining);
}

TEST_CASE("what is asked of a suspect node holds once it is trusted again") {
  membership m = fresh();
  REQUIRE(m.join(info(1, "a"), start));
  REQUIRE(m.suspect(1, start, "x"));
  REQUIRE(m.ready(1, start));
  CHECK(m.find("a")->state == member_state::suspect);
  REQUIRE(m.drain(1, start));
  CHECK(m.find("a")->state == member_state::suspect);
  REQUIRE(m.trust(1, start));
  CHECK(m.find("a")->state == member_state::draining);
}

TEST_CASE("what cannot be is refused and changes nothing") {
  membership m = fresh();
  CHECK(m.ready(5, start).error().code() == errc::not_found);
  REQUIRE(m.join(info(1, "a"), start));
  REQUIRE(m.ready(1, start));
  CHECK(m.ready(1, start).error().message() == "cannot make up 'a': it is up, not joining");
  REQUIRE(m.lose(1, start, "x"));
  CHECK(m.trust(1, start).error().message() == "cannot trust 'a': it is gone");
  CHECK_FALSE(m.suspect(1, start, "x"));
  CHECK_FALSE(m.drain(1, start));
  CHECK_FALSE(m.lose(1, start, "x"));
  CHECK(m.find("a")->state == member_state::gone);
}

TEST_CASE("a new process takes the name of one that is gone, and only then") {
  membership m = fresh();
  REQUIRE(m.join(info(1, "a"), start));
  const auto taken = m.join(info(2, "a"), start);
  REQUIRE_FALSE(taken);
  CHECK(taken.error().code() == errc::already_exists);
  CHECK(taken.error().message() ==
        "the name 'a' is that of peer 0000000000000001, which is joining");
  CHECK(last_event(m) == "refused: " + taken.error().message());
  REQUIRE(m.lose(1, start, "killed"));
  CHECK(m.join(info(1, "b"), start).error().message() ==
        "peer 0000000000000001 ('a') is gone: a process joins once");
  REQUIRE(m.join(info(2, "a"), start));
  CHECK(m.members().size() == 1);
  CHECK(m.find("a")->info.peer == 2);
  CHECK(m.find(peer_id{1}) == nullptr);
}

TEST_CASE("what does not fit the cluster is refused with both sides") {
  membership m({"1.2.0", "abc", "AVX2"});
  member_info i = info(1, "a");
  i.version = "1.4.0";
  CHECK(m.join(i, start).error().message() ==
        "node 'a' runs troupe 1.4.0, this cluster runs 1.2.0: minor versions may be one apart");
  i = info(1, "a");
  i.model = "def";
  CHECK(m.join(i, start).error().message() ==
        "node 'a' has the model def, this cluster serves abc");
  i = info(1, "a");
  i.kernel_target = "AVX3_DL";
  const auto other = m.join(i, start);
  CHECK(other.error().code() == errc::unsupported);
  CHECK(other.error().message() ==
        "node 'a' has the kernel target AVX3_DL, this cluster is pinned to AVX2");
  i = info(0, "a");
  CHECK_FALSE(m.join(i, start));
  i = info(1, "a");
  i.threads = 0;
  CHECK_FALSE(m.join(i, start));
  CHECK(m.members().empty());
  CHECK(m.join(info(1, "a"), start));
}

TEST_CASE("names from strangers are bounded and cannot disturb a terminal") {
  membership m = fresh();
  for (const std::string& name :
       {std::string(), std::string(65, 'a'), std::string("a b"), std::string("a\x1b[2J"),
        std::string("\xc3\xa4"), std::string(100000, 'x')}) {
    const auto refused = m.join(info(1, name), start);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().message().size() < 300);
    CHECK(refused.error().message().find('\x1b') == std::string::npos);
  }
  member_info i = info(1, "a");
  i.version = "\x1b[31m" + std::string(5000, '9');
  const auto refused = m.join(i, start);
  CHECK(refused.error().message().size() < 300);
  CHECK(refused.error().message().find('\x1b') == std::string::npos);
  CHECK(m.join(info(1, "Node_1.rack-2"), start));
}

TEST_CASE("a mixture of kernel targets is reported while it lasts") {
  membership m = fresh();
  REQUIRE(m.join(info(1, "a"), start));
  member_info i = info(2, "b");
  i.kernel_target = "AVX3_DL";
  CHECK_FALSE(m.mixed_targets());
  REQUIRE(m.join(i, start));
  REQUIRE(m.join(info(3, "c"), start));
  CHECK(*m.mixed_targets() == "kernel targets differ, so answers may: AVX2 (a, c); AVX3_DL (b)");
  for (peer_id p = 10; p < 30; ++p) REQUIRE(m.join(info(p, fmt::format("n{}", p)), start));
  CHECK(m.mixed_targets()->find("and 14 more") != std::string::npos);
  REQUIRE(m.lose(2, start, "x"));
  CHECK_FALSE(m.mixed_targets());
}

TEST_CASE("members, those that are gone, and events are bounded") {
  membership m({"1.2.0", "abc", ""}, {.members = 4, .gone = 3, .events = 10});
  for (peer_id p = 1; p <= 4; ++p) REQUIRE(m.join(info(p, fmt::format("n{}", p)), start));
  CHECK(m.join(info(5, "e"), start).error().code() == errc::exhausted);
  for (peer_id p = 1; p <= 50; ++p) {
    REQUIRE(m.lose(p, start, "x"));
    REQUIRE(m.join(info(p + 4, fmt::format("n{}", p + 4)), start));
  }
  CHECK(m.count(member_state::joining) == 4);
  CHECK(m.count(member_state::gone) == 3);
  CHECK(m.members().size() == 7);
  CHECK(m.events().size() == 10);
  CHECK(m.events_dropped() == 5 + 100 - 10);
  m.note(start, "stage 2 moved");
  CHECK(last_event(m) == "stage 2 moved");
}

TEST_CASE("whatever happens in whatever order, names stay unique and the dead stay dead") {
  std::mt19937 random(1);
  membership m = fresh();
  for (int i = 0; i < 20000; ++i) {
    const peer_id p = 1 + random() % 60;
    const time_point now = start + i * 1ms;
    const bool was_gone = m.find(p) != nullptr && m.find(p)->state == member_state::gone;
    result<void> done;
    switch (random() % 6) {
      case 0:
        done = m.join(info(p, fmt::format("n{}", random() % 12)), now);
        break;
      case 1:
        done = m.ready(p, now);
        break;
      case 2:
        done = m.suspect(p, now, "x");
        break;
      case 3:
        done = m.trust(p, now);
        break;
      case 4:
        done = m.drain(p, now);
        break;
      default:
        done = m.lose(p, now, "x");
    }
    if (was_gone) REQUIRE_FALSE(done);
    std::vector<std::string> names;
    for (const member& each : m.members()) names.push_back(each.info.name);
    std::ranges::sort(names);
    REQUIRE(std::ranges::adjacent_find(names) == names.end());
  }
}

}  // namespace
}  // namespace troupe::test
