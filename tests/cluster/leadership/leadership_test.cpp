#include "cluster/leadership/leadership.hpp"

#include <doctest/doctest.h>

#include <set>

#include "cluster/leadership/base64.hpp"
#include "cluster/leadership/memory_registry.hpp"

namespace troupe {
namespace {

using namespace std::chrono_literals;
using standing = tenure::standing;

/// Two supervisors, a registry and a clock that the test moves.
struct scene {
  std::chrono::steady_clock::time_point now{1h};
  std::set<std::string> dead;
  memory_registry registry{2s, [this] { return now; }};
  candidacy a{registry, "a", 250ms, [this](const std::string& at) { return dead.contains(at); }};
  candidacy b{registry, "b", 250ms, [this](const std::string& at) { return dead.contains(at); }};

  /// What the candidate has come to after `time`, in steps of 50 ms.
  std::optional<leadership_claim> wait(candidacy& who, std::chrono::milliseconds time) {
    for (const auto end = now + time; now <= end; now += 50ms)
      if (auto claim = who.step(now); claim && *claim) return *claim;
    return std::nullopt;
  }
};

TEST_CASE("one of two leads, and the other stands by for as long as it renews its claim") {
  scene s;
  auto claim = s.wait(s.a, 0ms);
  REQUIRE(claim);
  CHECK(claim->record.term == 1);
  tenure leads(s.registry, *claim, 500ms);
  leads.announce("h:1");
  for (int i = 0; i < 100; ++i) {
    CHECK(leads.step(s.now) == standing::sure);
    CHECK_FALSE(s.wait(s.b, 200ms));
  }
  REQUIRE(s.b.leader() != nullptr);
  CHECK(s.b.leader()->name == "a");
  CHECK(s.b.leader()->address == "h:1");
}

TEST_CASE("a leader that has gone silent is followed when its claim runs out") {
  scene s;
  tenure silent(s.registry, s.wait(s.a, 0ms).value(), 500ms);
  silent.announce("h:1");
  CHECK(silent.step(s.now) == standing::sure);
  CHECK_FALSE(s.wait(s.b, 1900ms));
  const auto next = s.wait(s.b, 500ms);
  REQUIRE(next);
  CHECK(next->record.term == 2);
  // It wakes, and hears that its time is over; for good.
  CHECK(silent.step(s.now) == standing::over);
  CHECK(silent.reason().find("term 2") != std::string::npos);
  CHECK(silent.step(s.now + 10s) == standing::over);
}

TEST_CASE("where nobody listens any more, nobody waits for the claim to run out") {
  scene s;
  tenure leads(s.registry, s.wait(s.a, 0ms).value(), 500ms);
  leads.announce("h:1");
  CHECK(leads.step(s.now) == standing::sure);
  CHECK_FALSE(s.wait(s.b, 300ms));
  s.dead.insert("h:1");
  const auto next = s.wait(s.b, 100ms);
  REQUIRE(next);
  CHECK(next->record.term == 2);
  // The new one is not taken for the dead one, though it does not say yet where it listens.
  CHECK_FALSE(s.wait(s.a, 1s));
}

TEST_CASE("a leader that resigns is followed at the next look") {
  scene s;
  tenure leads(s.registry, s.wait(s.a, 0ms).value(), 500ms);
  CHECK_FALSE(s.wait(s.b, 300ms));
  leads.resign();
  CHECK(s.wait(s.b, 300ms));
}

TEST_CASE("without the registry a leader goes on, and nobody becomes one") {
  scene s;
  tenure leads(s.registry, s.wait(s.a, 0ms).value(), 500ms);
  leads.announce("h:1");
  CHECK(leads.step(s.now) == standing::sure);
  CHECK_FALSE(s.wait(s.b, 300ms));
  s.registry.set_up(false);
  s.dead.insert("h:1");
  CHECK_FALSE(s.wait(s.b, 30s));
  CHECK(leads.step(s.now) == standing::unsure);
  s.dead.clear();
  // The claim ran out meanwhile, and the leader is the first to be back.
  s.registry.set_up(true);
  CHECK(leads.step(s.now + 1s) == standing::sure);
  CHECK_FALSE(s.wait(s.b, 1s));
}

TEST_CASE("of two that saw the same, one gets the term") {
  scene s;
  const registry_view seen = s.registry.look().value();
  CHECK(s.registry.claim(seen, "a"));
  CHECK(s.registry.claim(seen, "b").error().code() == errc::stale_epoch);
}

TEST_CASE("base64 comes back as it was, and what is none is refused") {
  std::string bytes;
  for (int i = 0; i < 300; ++i) {
    CHECK(decode_base64(encode_base64(bytes)) == bytes);
    bytes.push_back(static_cast<char>(i * 7));
  }
  CHECK(encode_base64("foob") == "Zm9vYg==");
  CHECK_FALSE(decode_base64("Zm9"));
  CHECK_FALSE(decode_base64("Zm9*"));
}

}  // namespace
}  // namespace troupe
