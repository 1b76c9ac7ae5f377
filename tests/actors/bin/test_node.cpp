#include <doctest/doctest.h>

#include <algorithm>
#include <deque>
#include <string>
#include <utility>
#include <vector>

#include "actors/bin/node_life.hpp"
#include "actors/bin/node_options.hpp"
#include "actors/bin/options.hpp"

namespace troupe::cli {
namespace {

using std::chrono::milliseconds;
using end = worker_runtime::end;

/// A node that serves for a time and then ends.
class scripted_node final : public worker_runtime {
 public:
  scripted_node(const std::chrono::steady_clock::time_point& now, milliseconds life, end how,
                bool clean)
      : now_(now), until_(now + life), how_(how), clean_(clean) {}
  [[nodiscard]] end ended() const override {
    if (now_ < until_) return end::none;
    return now_ < until_ + word_ ? end::lost : how_;
  }
  [[nodiscard]] const std::string& name() const override { return name_; }
  [[nodiscard]] result<void> leave() override {
    if (!leaves_) return fail(errc::exhausted, "no other node has room");
    until_ = now_ + milliseconds(400);
    how_ = end::drained;
    return {};
  }
  [[nodiscard]] bool retire() override { return clean_; }
  void refuse_to_leave() { leaves_ = false; }
  /// The connection's end is seen so long before the word that the node may go.
  void hear_late(milliseconds word) { word_ = word; }

 private:
  const std::chrono::steady_clock::time_point& now_;
  std::chrono::steady_clock::time_point until_;
  end how_;
  bool clean_;
  bool leaves_ = true;
  milliseconds word_{0};
  std::string name_ = "n1";
};

/// A world where time passes only in waits for a signal.
struct scripted_world {
  std::deque<error> refusals;  ///< of the first attempts
  milliseconds life{60'000};
  end how = end::drained;
  int lost_lives = 0;  ///< before that end
  bool clean = true;
  bool may_leave = true;
  milliseconds drain_limit{0};
  milliseconds late_word{0};
  milliseconds signal_after{1'000'000'000};
  int signal = 15;
  int signals_left = 1;

  std::chrono::steady_clock::time_point now;
  std::vector<milliseconds> waits;
  std::vector<std::string> said;
  int attempts = 0;

  node_world world() {
    node_world w;
    const auto begun = now;
    w.join = [this]() -> result<std::unique_ptr<worker_runtime>> {
      ++attempts;
      if (refusals.empty()) {
        auto node =
            std::make_unique<scripted_node>(now, life, --lost_lives >= 0 ? end::lost : how, clean);
        if (!may_leave) node->refuse_to_leave();
        node->hear_late(late_word);
        return node;
      }
      const error first = refusals.front();
      refusals.pop_front();
      return fail(first);
    };
    w.signal = [this, begun](milliseconds limit) {
      waits.push_back(limit);
      now += limit;
      if (now - begun < signal_after || signals_left == 0) return 0;
      --signals_left;
      return signal;
    };
    w.drain_limit = drain_limit;
    w.now = [this] { return now; };
    w.say = [this](std::string_view line) { said.emplace_back(line); };
    return w;
  }
};

}  // namespace

TEST_CASE("a node's options make a command line that means the same") {
  node_options given;
  given.join = "h:1";
  given.model = "-a model";
  given.name = "n";
  given.device = "cuda:1";
  given.threads = 3;
  given.actor_threads = 1;
  given.memory_mib = 77;
  given.experts_only = true;
  given.stop_timeout = std::chrono::seconds(90);
  given.tls = {"c.pem", "k.pem", "-a.pem"};
  given.log_level = "debug";
  given.log_as = log_format::json;
  node_options least;
  least.join = "[::1]:9";
  for (const node_options& options : {given, least}) {
    CLI::App app;
    node_options read;
    config_schema schema;
    describe(schema, read);
    overrides words_read;
    add_options(*app.add_subcommand("node"), schema, words_read);
    auto words = command_line(options);
    CHECK(words.front() == "troupe");
    words.erase(words.begin());
    std::vector<std::string> reversed(words.rbegin(), words.rend());
    app.parse(std::move(reversed));
    REQUIRE(apply_overrides(schema, words_read));
    CHECK(read == options);
  }
}

TEST_CASE("a drained node ends in good order") {
  scripted_world script;
  const auto life = live(script.world());
  REQUIRE(life);
  CHECK(life->how == node_end::kind::drained);
  CHECK(life->node != nullptr);
  CHECK(script.said.front() == "n1 has joined the cluster");
  CHECK(script.said.back() == "n1 has been drained and leaves");
}

TEST_CASE("while nobody answers a node tries again, after pauses that grow to half a second") {
  scripted_world script;
  for (int i = 0; i < 8; ++i) script.refusals.emplace_back(errc::unavailable, "nobody at h:1");
  const auto life = live(script.world());
  REQUIRE(life);
  CHECK(script.attempts == 9);
  CHECK(script.waits[0] == milliseconds(50));
  CHECK(script.waits[1] == milliseconds(100));
  CHECK(script.waits[7] == milliseconds(500));
  // Said once, not at each attempt.
  CHECK(script.said[0] == "nobody at h:1; trying until it works");
  CHECK(script.said[1] == "n1 has joined the cluster");
}

TEST_CASE("a node that is refused for good gives up, one whose name is taken after a while") {
  scripted_world script;
  script.refusals.emplace_back(errc::invalid_argument, "another model");
  const auto refused = live(script.world());
  REQUIRE_FALSE(refused);
  CHECK(refused.error().message() == "another model");
  CHECK(script.attempts == 1);

  scripted_world twin;
  for (int i = 0; i < 1000; ++i) twin.refusals.emplace_back(errc::already_exists, "taken");
  const auto taken = live(twin.world());
  REQUIRE_FALSE(taken);
  CHECK(taken.error().code() == errc::already_exists);
  CHECK(twin.attempts > 10);
  CHECK(twin.attempts < 200);
}

TEST_CASE("a node that has lost its supervisor joins the next, ever later where it hardly lives") {
  scripted_world script;
  script.lost_lives = 3;
  const auto life = live(script.world());
  REQUIRE(life);
  CHECK(life->how == node_end::kind::drained);
  CHECK(script.attempts == 4);
  CHECK(std::ranges::count(script.said, "n1 has joined the cluster") == 4);
  CHECK(std::ranges::max(script.waits) < milliseconds(100));

  scripted_world brief;
  brief.lost_lives = 8;
  brief.life = milliseconds(0);
  CHECK(live(brief.world())->how == node_end::kind::drained);
  REQUIRE(brief.waits.size() == 8);
  CHECK(brief.waits.front() == milliseconds(50));
  CHECK(brief.waits.back() == milliseconds(2'000));
}

TEST_CASE("a node whose actors do not end begins anew as another process image") {
  scripted_world script;
  script.how = end::lost;
  script.clean = false;
  const auto life = live(script.world());
  REQUIRE(life);
  CHECK(life->how == node_end::kind::again);
  CHECK(life->node != nullptr);
  CHECK(script.attempts == 1);
}

TEST_CASE("a signal ends a node wherever it is") {
  scripted_world waiting;
  for (int i = 0; i < 100; ++i) waiting.refusals.emplace_back(errc::unavailable, "nobody");
  waiting.signal_after = milliseconds(5'000);
  const auto early = live(waiting.world());
  REQUIRE(early);
  CHECK(early->how == node_end::kind::signalled);
  CHECK(early->signal == 15);
  CHECK(early->node == nullptr);

  scripted_world serving;
  serving.signal_after = milliseconds(500);
  const auto late = live(serving.world());
  REQUIRE(late);
  CHECK(late->how == node_end::kind::signalled);
  CHECK(late->node != nullptr);

  scripted_world pausing;
  pausing.how = end::lost;
  pausing.life = milliseconds(0);
  pausing.signal_after = milliseconds(1);
  CHECK(live(pausing.world())->how == node_end::kind::signalled);
}

TEST_CASE(
    "a node that is told to end lets the cluster drain it first, where it has time for that") {
  scripted_world script;
  script.signal_after = milliseconds(1'000);
  script.drain_limit = milliseconds(5'000);
  const auto life = live(script.world());
  REQUIRE(life);
  CHECK(life->how == node_end::kind::drained);
  CHECK(script.said[1] == "n1 leaves once what it holds is elsewhere");
  CHECK(script.said.back() == "n1 has been drained and leaves");

  scripted_world hurried;
  hurried.signal_after = milliseconds(1'000);
  hurried.drain_limit = milliseconds(5'000);
  hurried.signals_left = 2;
  const auto cut = live(hurried.world());
  REQUIRE(cut);
  CHECK(cut->how == node_end::kind::signalled);

  for (const int signal : {2, 15}) {
    scripted_world at_once;
    at_once.signal = signal;
    at_once.signal_after = milliseconds(1'000);
    at_once.drain_limit = milliseconds(signal == 2 ? 5'000 : 0);
    const auto ended = live(at_once.world());
    REQUIRE(ended);
    CHECK(ended->how == node_end::kind::signalled);
    CHECK(ended->signal == signal);
  }
}

TEST_CASE("a node that the others have no room for ends at once, one that is slow to go in time") {
  scripted_world full;
  full.signal_after = milliseconds(1'000);
  full.drain_limit = milliseconds(5'000);
  full.may_leave = false;
  const auto refused = live(full.world());
  REQUIRE(refused);
  CHECK(refused->how == node_end::kind::signalled);
  CHECK(full.said.back() == "n1 ends at once: no other node has room");

  scripted_world slow;
  slow.signal_after = milliseconds(1'000);
  slow.drain_limit = milliseconds(200);
  const auto late = live(slow.world());
  REQUIRE(late);
  CHECK(late->how == node_end::kind::signalled);
  CHECK(slow.said.back() == "n1 ends before what it holds is elsewhere");

  for (const int word : {500, 3'000}) {
    scripted_world torn;
    torn.signal_after = milliseconds(1'000);
    torn.drain_limit = milliseconds(5'000);
    torn.late_word = milliseconds(word);
    const auto left = live(torn.world());
    REQUIRE(left);
    CHECK((left->how == node_end::kind::drained) == (word == 500));
  }
}

}  // namespace troupe::cli
