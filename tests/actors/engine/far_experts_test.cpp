#include "actors/far_experts.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <numeric>
#include <utility>

#include "tests/runtime/engine/exchange_support.hpp"
#include "tests/support/paths.hpp"

namespace troupe::test {
namespace {

using namespace std::chrono_literals;
using progress = remote_experts::progress;

constexpr auto f32 = activation_mode::f32;
constexpr std::uint32_t most_rows = 16;
constexpr peer_id stage_node = 1, first_node = 500, second_node = 501;

/// A stage of the whole model on one node, its experts in two shards on others; what it sends is
/// kept until the test has it answered.
class stage_with_far_experts {
 public:
  explicit stage_with_far_experts(peer_id self = stage_node)
      : random(1),
        files(open_model(reference() / "models/tiny-qwen3-moe")),
        dev_(std::make_shared<cpu_device>(processor_use{.threads = 1, .pin = false})),
        every_(*dev_, *files, shard_experts(files->config(), 0, 1), f32, most_rows) {
    plan.experts = expert_home::apart;
    for (std::uint32_t i = 0; i < 2; ++i) {
      shards_.push_back(std::make_unique<expert_node>(dev_, *files,
                                                      shard_experts(files->config(), i, 2), f32,
                                                      expert_service::limits{most_rows, 4}));
      plan.shards.push_back({shards_[i]->owned, {first_node + i}});
    }
    far_experts::surroundings around;
    around.self = self;
    around.files = files;
    around.layers = {0, files->config().layers};
    around.rows = most_rows;
    around.send = [this](peer_id to, expert_request&& m) -> result<void> {
      sent.emplace_back(to, std::move(m));
      return {};
    };
    around.tell = [this](const expert_load_report& r) { told.push_back(r); };
    far = std::make_unique<far_experts>(*dev_, std::move(around));
  }

  progress begin(step_id step, random_rows& rows) {
    return far->begin({plan.epoch, step, rows.layer}, rows.call(), now);
  }

  /// Answers everything that was sent.
  progress answer() {
    for (auto& [to, m] : std::exchange(sent, {})) {
      reply_box box;
      const auto taken =
          shards_[to - first_node]->service.apply(m.header, joined(m.payload), box.handler());
      REQUIRE(taken.has_value());
      for (const expert_reply& r : box.wait_for(1))
        (void)far->asked().on_outputs(to, r.header, joined(r.payload), now);
    }
    return far->asked().state();
  }

  void enter(epoch_number epoch) {
    plan.epoch = epoch;
    far->begin_epoch(epoch, expert_routes_of(plan), now);
  }

  [[nodiscard]] std::vector<float> computed_here(random_rows& rows) {
    return rows.computed_by(every_, *dev_);
  }

  generator random;
  std::shared_ptr<const model_files> files;
  cluster_plan plan;
  std::vector<std::pair<peer_id, expert_request>> sent;
  std::vector<expert_load_report> told;
  std::unique_ptr<far_experts> far;
  remote_experts::time_point now = remote_experts::time_point() + 1h;

 private:
  std::shared_ptr<cpu_device> dev_;
  expert_bank every_;
  std::vector<std::unique_ptr<expert_node>> shards_;
};

std::uint64_t sum_of(const std::vector<std::uint32_t>& numbers) {
  return std::accumulate(numbers.begin(), numbers.end(), std::uint64_t{0});
}

}  // namespace

TEST_CASE("rows go to the nodes with the experts, whose outputs have the bits of experts here") {
  stage_with_far_experts stage;
  stage.enter(1);
  for (std::uint32_t layer = 0; layer < stage.files->config().layers; ++layer) {
    CHECK(stage.far->has(layer));
    random_rows rows(stage.files->config(), layer, 7, stage.random);
    const std::vector<float> expected = stage.computed_here(rows);
    CHECK(stage.begin(layer, rows) == progress::waiting);
    CHECK(stage.answer() == progress::complete);
    CHECK(same_bits(rows.outputs, expected));
  }
}

TEST_CASE("how often experts were chosen is told, and what was asked of whom") {
  stage_with_far_experts stage;
  stage.enter(1);
  random_rows rows(stage.files->config(), 0, 5, stage.random);
  const std::uint64_t choices = std::uint64_t{5} * rows.top_k;
  (void)stage.begin(1, rows);
  (void)stage.answer();
  REQUIRE(stage.told.size() == 1);
  CHECK(stage.told[0].first == 0);
  CHECK(stage.told[0].experts == stage.files->config().experts);
  CHECK(sum_of(stage.told[0].rows) == choices);
  for (const std::int32_t id : rows.ids)
    CHECK(stage.told[0].rows[static_cast<std::size_t>(id)] > 0);
  (void)stage.begin(2, rows);
  (void)stage.answer();
  CHECK(stage.told.size() == 1);  // not with every layer
  stage.now += 1s;
  (void)stage.begin(3, rows);
  REQUIRE(stage.told.size() == 2);
  CHECK(sum_of(stage.told[1].rows) == 2 * choices);
  CHECK(std::accumulate(stage.told[1].outputs.begin(), stage.told[1].outputs.end(),
                        std::uint64_t{0}) == 2 * choices);
}

TEST_CASE("a node that was lost is asked again in the next epoch") {
  stage_with_far_experts stage;
  stage.enter(1);
  (void)stage.far->asked().on_node(first_node, expert_routes::standing::gone, stage.now);
  random_rows rows(stage.files->config(), 0, 8, stage.random);
  CHECK(stage.begin(1, rows) == progress::failed);
  stage.sent.clear();
  stage.enter(2);
  CHECK(stage.begin(2, rows) == progress::waiting);
  CHECK(stage.answer() == progress::complete);
}

TEST_CASE("nothing travels where this node holds all of a layer's experts") {
  stage_with_far_experts stage(first_node);
  stage.enter(1);
  CHECK(stage.far->has(0));
  stage.plan.shards[1].replicas = {second_node, first_node};
  stage.enter(2);
  for (std::uint32_t layer = 0; layer < stage.files->config().layers; ++layer)
    CHECK_FALSE(stage.far->has(layer));
}

}  // namespace troupe::test
