#include "cluster/remote_experts.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <deque>
#include <set>

#include "tests/runtime/engine/exchange_support.hpp"
#include "tests/support/paths.hpp"

namespace troupe::test {
namespace {

using namespace std::chrono_literals;
using progress = remote_experts::progress;
using standing = expert_routes::standing;

constexpr std::uint32_t most_rows = 24;
constexpr std::uint32_t nodes = 4;
constexpr auto f32 = activation_mode::f32;
constexpr epoch_number epoch = 6;

/// Four nodes, each with one shard of its own and its neighbour's, between them a network that does
/// what a test says.
class lossy_cluster {
 public:
  explicit lossy_cluster(std::uint32_t seed)
      : random(seed),
        files(open_model(reference() / "models/tiny-qwen3-moe")),
        dev_(std::make_shared<cpu_device>(processor_use{.threads = 2, .pin = false})),
        every_(*dev_, *files, shard_experts(files->config(), 0, 1), f32, most_rows),
        experts(expert_dispatch(*dev_, files->config().hidden, {true, false}, {most_rows, 2}),
                expert_routes(),
                [this](peer_id to, expert_request&& m) { return carry(to, std::move(m)); }) {
    std::vector<shard_route> routes;
    for (std::uint32_t shard = 0; shard < nodes; ++shard) {
      shards_.push_back(std::make_unique<expert_node>(dev_, *files,
                                                      shard_experts(files->config(), shard, nodes),
                                                      f32, expert_service::limits{most_rows, 8}));
      routes.push_back({{node(shard), node(shard + 1)}, shard % 2 == 0});
    }
    experts.begin_epoch(epoch, std::move(routes));
  }

  static peer_id node(std::uint32_t i) { return 500 + i % nodes; }

  /// Runs one layer of random rows until it is complete or has failed; the outputs of a complete
  /// one have the bits of experts that are all here.
  progress layer(step_id step, std::uint32_t number) {
    random_rows rows(files->config(), number, 1 + random() % most_rows, random);
    const std::vector<float> expected = rows.computed_by(every_, *dev_);
    const auto holders = holders_of(number, shards_, *files, f32);
    progress p = experts.begin({epoch, step, number}, rows.call(), holders, now_);
    for (int event = 0; p == progress::waiting && event < 10000; ++event) p = next_event();
    if (p == progress::complete) CHECK(same_bits(rows.outputs, expected));
    return p;
  }

  progress begin(step_id step, std::uint32_t number, random_rows& rows) {
    return experts.begin({epoch, step, number}, rows.call(),
                         holders_of(number, shards_, *files, f32), now_);
  }

  void lose(peer_id peer) {
    dead.insert(peer);
    (void)experts.on_node(peer, standing::gone, now_);
  }

  std::mt19937 random;
  std::unique_ptr<model_files> files;
  unsigned drop = 0, repeat = 0, spoil = 0, refuse = 0, unsent = 0;  ///< percent
  std::set<peer_id> frozen, dead;

 private:
  struct arrival {
    peer_id from = 0;
    expert_outputs_header header;
    std::vector<std::byte> payload;
  };

  bool chance(unsigned percent) { return random() % 100 < percent; }

  result<void> carry(peer_id to, expert_request&& m) {
    CHECK((to == node(m.header.shard) || to == node(m.header.shard + 1)));
    if (dead.contains(to)) return fail(errc::not_found, "no such connection");
    if (chance(unsent)) return fail(errc::exhausted, "no credits");
    if (frozen.contains(to) || chance(drop)) return {};
    reply_box box;
    std::vector<expert_reply> replies;
    if (chance(refuse)) {
      replies.push_back(refusal_of(m.header));
    } else {
      const auto taken =
          shards_[m.header.shard]->service.apply(m.header, joined(m.payload), box.handler());
      REQUIRE(taken.has_value());
      replies = box.wait_for(1);
    }
    for (const expert_reply& r : replies) {
      arrival a{to, r.header, joined(r.payload)};
      if (chance(spoil)) a.payload.resize(a.payload.size() / 2);
      if (chance(spoil)) ++a.header.shard;
      arriving_.insert(arriving_.end(), chance(repeat) ? 2 : 1, a);
    }
    return {};
  }

  progress next_event() {
    if (!arriving_.empty() && !chance(10)) {
      now_ += 1ms;
      const std::size_t which = random() % arriving_.size();
      const arrival a = arriving_[which];
      arriving_.erase(arriving_.begin() + static_cast<std::ptrdiff_t>(which));
      return experts.on_outputs(a.from, a.header, a.payload, now_);
    }
    const auto deadline = experts.next_deadline();
    if (!deadline) return experts.state();
    now_ = std::max(now_, *deadline);
    return experts.tick(now_);
  }

  std::shared_ptr<cpu_device> dev_;
  expert_bank every_;
  std::vector<std::unique_ptr<expert_node>> shards_;
  std::deque<arrival> arriving_;
  expert_routes::time_point now_ = expert_routes::time_point() + 1h;

 public:
  remote_experts experts;
};

}  // namespace

TEST_CASE("layers are computed elsewhere bit for bit, each message sent once") {
  lossy_cluster c(1);
  for (step_id step = 0; step < 20; ++step)
    for (std::uint32_t layer = 0; layer < c.files->config().layers; ++layer)
      CHECK(c.layer(step, layer) == progress::complete);
  CHECK(c.experts.routes().counts().refused == 0);
  CHECK(c.experts.routes().outstanding() == 0);
}

TEST_CASE("messages lost, repeated, spoilt, refused and not taken change no output") {
  std::uint64_t resent = 0;
  for (std::uint32_t seed = 0; seed < 20; ++seed) {
    CAPTURE(seed);
    lossy_cluster c(seed);
    c.drop = c.random() % 20;
    c.repeat = c.random() % 30;
    c.spoil = c.random() % 15;
    c.refuse = c.random() % 15;
    c.unsent = c.random() % 15;
    std::size_t failed = 0;
    for (step_id step = 0; step < 15; ++step)
      if (c.layer(step, c.random() % c.files->config().layers) != progress::complete) ++failed;
    CHECK(failed <= 1);
    CHECK(c.experts.routes().outstanding() == 0);
    resent += c.experts.routes().counts().resent;
  }
  CHECK(resent > 0);
}

TEST_CASE("a node that dies or freezes in the middle costs no layer") {
  for (std::uint32_t victim = 0; victim < nodes; ++victim) {
    for (const bool silently : {false, true}) {
      lossy_cluster c(victim);
      CHECK(c.layer(1, 0) == progress::complete);
      if (silently) {
        c.frozen.insert(lossy_cluster::node(victim));
      } else {
        c.dead.insert(lossy_cluster::node(victim));
        CHECK(c.layer(2, 0) == progress::complete);  // before anybody says so
        c.lose(lossy_cluster::node(victim));
      }
      for (step_id step = 3; step < 10; ++step) CHECK(c.layer(step, 2) == progress::complete);
    }
  }
}

TEST_CASE("an abandoned layer takes nothing more, and the next one is computed") {
  lossy_cluster c(9);
  c.frozen = {lossy_cluster::node(0), lossy_cluster::node(1), lossy_cluster::node(2),
              lossy_cluster::node(3)};
  random_rows rows(c.files->config(), 0, 4, c.random);
  const std::vector<float> before = rows.outputs;
  CHECK(c.begin(7, 0, rows) == progress::waiting);
  c.experts.abandon();
  CHECK(c.experts.state() == progress::complete);
  CHECK(c.experts.routes().outstanding() == 0);
  CHECK_FALSE(c.experts.next_deadline().has_value());
  CHECK(same_bits(rows.outputs, before));
  c.frozen.clear();
  CHECK(c.layer(8, 0) == progress::complete);
}

TEST_CASE("a shard without any node fails the layer with its reason, until a new epoch") {
  lossy_cluster c(3);
  c.lose(lossy_cluster::node(1));
  CHECK(c.layer(1, 0) == progress::complete);
  c.lose(lossy_cluster::node(2));
  CHECK(c.layer(2, 0) == progress::failed);
  CHECK(c.experts.why().code() == errc::unavailable);
  CHECK(c.experts.routes().outstanding() == 0);
  const std::vector<peer_id> left = {lossy_cluster::node(0), lossy_cluster::node(3)};
  (void)c.experts.begin({epoch + 1, 3, 0}, {}, {}, {});
  CHECK(c.experts.why().code() == errc::stale_epoch);
  c.experts.begin_epoch(epoch + 1, {{left}, {left}, {left}, {left}});
  CHECK(c.experts.state() == progress::complete);
}

}  // namespace troupe::test
