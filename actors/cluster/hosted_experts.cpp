#include "actors/cluster/hosted_experts.hpp"

#include <utility>

#include "actors/expert_shard.hpp"

namespace troupe {
namespace {

/// Requests of other nodes on the stream at once: one of each stage, and those that are sent again.
constexpr std::size_t most_in_flight = 16;

expert_parts load(const hosted_stage::surroundings& around, std::vector<expert_range> owned) {
  const engine_config& config = around.node.config;
  expert_parts parts;
  parts.bank = std::make_shared<expert_bank>(
      *around.node.dev, *around.node.files, owned, config.activations, config.step_rows,
      weight_packing{config.pack_weights, around.node.progress});
  parts.owned = std::move(owned);
  return parts;
}

}  // namespace

hosted_experts::hosted_experts(const hosted_stage::surroundings& around,
                               std::vector<expert_range> owned)
    : hosted_experts(around, load(around, std::move(owned))) {}

hosted_experts::hosted_experts(const hosted_stage::surroundings& around, expert_parts loaded)
    : dev_(around.node.dev), owned_(std::move(loaded.owned)), bank_(std::move(loaded.bank)) {}

hosted_experts::~hosted_experts() {
  if (actor_) caf::anon_send_exit(actor_, caf::exit_reason::user_shutdown);
  release_behind(*dev_, std::move(bank_));
}

const serving_shard_actor& hosted_experts::serve(const hosted_stage::surroundings& around,
                                                 caf::actor_system& system) {
  if (actor_) return actor_;
  const engine_config& config = around.node.config;
  auto wiring = std::make_shared<expert_shard_wiring>();
  wiring->epoch = around.epoch;
  wiring->dev = dev_;
  wiring->files = around.node.files;
  wiring->bank = bank_;
  wiring->service =
      std::make_unique<expert_service>(dev_, bank_, *around.node.files, owned_,
                                       mode_on(*dev_, config.activations), config.expert_rows,
                                       expert_service::limits{config.step_rows, most_in_flight,
                                                              around.port->reads_memory_of(*dev_)});
  actor_ = system.spawn(expert_shard, std::move(wiring));
  return actor_;
}

}  // namespace troupe
