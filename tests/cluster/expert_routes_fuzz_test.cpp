#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <random>
#include <set>

#include "cluster/expert_routes.hpp"

namespace troupe::test {
namespace {

using namespace std::chrono_literals;
using standing = expert_routes::standing;
using time_point = expert_routes::time_point;

/// How the network and the nodes of a run behave, in percent.
struct weather {
  unsigned drop = 0;
  unsigned duplicate = 0;
  unsigned refuse = 0;
  unsigned flap = 0;  ///< a node's standing changes with a task
  unsigned lose = 0;  ///< a node is lost for good with a task
};

/// Nodes that answer after random times, or not at all, and a driver that does what routes say.
class simulated_cluster {
 public:
  simulated_cluster(std::uint32_t seed, std::size_t nodes, std::size_t shards, std::size_t replicas,
                    const weather& w)
      : random_(seed), weather_(w) {
    std::vector<peer_id> all;
    for (std::size_t i = 0; i < nodes; ++i) all.push_back(1000 + i);
    for (std::size_t s = 0; s < shards; ++s) {
      std::shuffle(all.begin(), all.end(), random_);
      placed_.push_back({{all.begin(), all.begin() + static_cast<long>(replicas)}, s % 2 == 0});
    }
    routes_.begin_epoch(epoch, placed_);
  }

  /// Answers nothing from now on, and nobody knows why.
  void freeze(peer_id node) { frozen_.insert(node); }
  [[nodiscard]] peer_id some_node() { return pick(placed_).replicas.front(); }

  void run(std::size_t tasks) {
    for (const std::size_t last = next_ + tasks; next_ < last; ++next_) {
      const expert_task task{next_ / 5, static_cast<std::uint32_t>(next_ % 5),
                             static_cast<std::uint32_t>(random_() % placed_.size())};
      const auto sent = routes_.dispatch(task, 1 + random_() % 256, now_);
      if (sent) {
        attempts_[task] = 0;
        carry(*sent);
      } else {
        REQUIRE(sent.error().code() == errc::unavailable);
        CHECK(std::ranges::all_of(placed_[task.shard].replicas,
                                  [&](peer_id n) { return gone_.contains(n); }));
      }
      if (chance(weather_.flap)) flap();
      if (chance(weather_.lose)) lose();
      const std::size_t events = random_() % 4;
      for (std::size_t k = 0; k < events; ++k) next_event();
    }
    const time_point end = now_ + 1min;
    while (routes_.outstanding() > 0 && now_ < end) next_event();
    while (!arriving_.empty()) next_event();
  }

  /// Every task ended once, with an answer or a reason, and nothing is left behind.
  void check_end(std::size_t tasks_at_most) const {
    CHECK(routes_.outstanding() == 0);
    CHECK(answered_.size() + failed_.size() == attempts_.size());
    CHECK(attempts_.size() <= tasks_at_most);
    for (const expert_task& t : failed_) CHECK_FALSE(answered_.contains(t));
    for (const shard_route& s : placed_)
      for (const peer_id n : s.replicas) CHECK(routes_.outstanding_rows(n) == 0);
    CHECK(routes_.counts().sent == sends_);
    CHECK(routes_.counts().failed == failed_.size());
  }

  [[nodiscard]] std::size_t failed() const { return failed_.size(); }
  [[nodiscard]] std::size_t answered() const { return answered_.size(); }
  [[nodiscard]] const expert_routes& routes() const { return routes_; }
  [[nodiscard]] std::chrono::milliseconds slowest() const {
    return std::chrono::duration_cast<std::chrono::milliseconds>(slowest_);
  }

 private:
  static constexpr epoch_number epoch = 4;
  struct arrival {
    expert_send of;
    bool accepted = true;
  };

  bool chance(unsigned percent) { return random_() % 100 < percent; }
  template <class T>
  const T& pick(const std::vector<T>& from) {
    return from[random_() % from.size()];
  }

  void carry(const expert_send& sent) {
    const auto& replicas = placed_[sent.task.shard].replicas;
    CHECK(std::ranges::find(replicas, sent.node) != replicas.end());
    CHECK_FALSE(gone_.contains(sent.node));
    CHECK(sent.attempt == attempts_.at(sent.task)++);
    CHECK(sent.attempt < expert_routes::limits().attempts);
    ++sends_;
    began_.emplace(sent.task, now_);
    if (frozen_.contains(sent.node) || chance(weather_.drop)) return;
    const bool accepted = !chance(weather_.refuse);
    const std::size_t copies = chance(weather_.duplicate) ? 3 : 1;
    for (std::size_t i = 0; i < copies; ++i)
      arriving_.emplace(now_ + std::chrono::microseconds(200 + random_() % 20000),
                        arrival{sent, accepted});
  }

  void follow(const route_changes& changes) {
    for (const expert_send& s : changes.sends) carry(s);
    for (const expert_task& t : changes.failed) {
      CHECK(failed_.insert(t).second);
      const auto& replicas = placed_[t.shard].replicas;
      const bool nobody =
          std::ranges::all_of(replicas, [&](peer_id n) { return gone_.contains(n); });
      CHECK((nobody || attempts_.at(t) == expert_routes::limits().attempts));
    }
  }

  /// The next arrival or deadline, whichever comes first.
  void next_event() {
    const auto deadline = routes_.next_deadline();
    if (!arriving_.empty() && (!deadline || arriving_.begin()->first <= *deadline)) {
      const auto [when, what] = *arriving_.begin();
      arriving_.erase(arriving_.begin());
      now_ = std::max(now_, when);
      return arrive(what);
    }
    if (!deadline) return;
    now_ = std::max(now_, *deadline);
    follow(routes_.tick(now_));
  }

  void arrive(const arrival& a) {
    // Of a node that is gone nothing arrives any more.
    if (gone_.contains(a.of.node)) return;
    const bool over = answered_.contains(a.of.task) || failed_.contains(a.of.task);
    const bool expected = routes_.expects(epoch, a.of.task, a.of.attempt, a.of.node);
    CHECK(expected == !over);
    if (!expected) return;
    if (!a.accepted) return follow(routes_.on_refusal(a.of.task, a.of.attempt, now_));
    routes_.on_answer(a.of.task, a.of.attempt, now_);
    CHECK(answered_.insert(a.of.task).second);
    slowest_ = std::max(slowest_, now_ - began_.at(a.of.task));
  }

  void flap() {
    const peer_id node = pick(pick(placed_).replicas);
    if (gone_.contains(node)) return;
    follow(routes_.on_node(node, chance(50) ? standing::suspect : standing::up, now_));
  }

  void lose() {
    const peer_id node = pick(pick(placed_).replicas);
    gone_.insert(node);
    follow(routes_.on_node(node, standing::gone, now_));
  }

  std::mt19937 random_;
  weather weather_;
  expert_routes routes_;
  std::vector<shard_route> placed_;
  time_point now_ = time_point() + 1h;
  std::multimap<time_point, arrival> arriving_;
  std::set<peer_id> gone_, frozen_;
  std::map<expert_task, std::uint32_t> attempts_;
  std::map<expert_task, time_point> began_;
  std::set<expert_task> answered_, failed_;
  std::size_t next_ = 0;  ///< number of the next task
  std::uint64_t sends_ = 0;
  expert_routes::duration slowest_{0};
};

}  // namespace

TEST_CASE("in any weather every task ends once, with an answer or because nobody is left") {
  for (std::uint32_t seed = 0; seed < 300; ++seed) {
    CAPTURE(seed);
    std::mt19937 random(seed);
    const std::size_t nodes = 1 + random() % 6;
    const weather w{static_cast<unsigned>(random() % 40), static_cast<unsigned>(random() % 30),
                    static_cast<unsigned>(random() % 40), static_cast<unsigned>(random() % 30),
                    static_cast<unsigned>(random() % 3)};
    simulated_cluster cluster(seed, nodes, 1 + random() % 4,
                              1 + random() % std::min<std::size_t>(nodes, 3), w);
    cluster.run(200);
    cluster.check_end(200);
  }
}

TEST_CASE("with a replica left nothing fails, whichever node freezes without a word") {
  for (std::uint32_t seed = 0; seed < 50; ++seed) {
    CAPTURE(seed);
    simulated_cluster cluster(seed, 4, 3, 2, {});
    cluster.run(100);
    cluster.freeze(cluster.some_node());
    cluster.run(100);
    CHECK(cluster.failed() == 0);
    CHECK(cluster.answered() == 200);
    cluster.check_end(200);
    CHECK(cluster.slowest() < 3s);
  }
}

TEST_CASE("without faults every task is sent once") {
  simulated_cluster cluster(1, 4, 3, 2, {});
  cluster.run(500);
  cluster.check_end(500);
  CHECK(cluster.routes().counts().resent == 0);
  CHECK(cluster.answered() == 500);
}

}  // namespace troupe::test
