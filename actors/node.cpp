#include "actors/node.hpp"

#include <algorithm>
#include <utility>

#include "actors/attention_block.hpp"
#include "actors/cache_manager.hpp"
#include "actors/cache_settings.hpp"
#include "actors/expert_shard.hpp"
#include "actors/local_exit.hpp"

namespace troupe {

void node_state::start(node_actor::pointer self, node_resources resources) {
  self_ = self;
  resources_ = std::move(resources);
}

std::vector<expert_shard_actor> node_state::spawn_shards(const placement& plan) {
  std::vector<expert_shard_actor> shards;
  for (const auto& owned : plan.shards) {
    auto wiring = std::make_shared<expert_shard_wiring>();
    wiring->epoch = plan.epoch;
    wiring->dev = resources_.dev;
    wiring->files = resources_.files;
    wiring->bank = std::make_unique<expert_bank>(
        *resources_.dev, *resources_.files, owned, resources_.config.activations,
        resources_.config.step_rows,
        weight_packing{resources_.config.pack_weights, resources_.progress});
    shards.push_back(self_->spawn<caf::linked>(expert_shard, std::move(wiring)));
  }
  return shards;
}

caf::result<serving_group> node_state::place(const placement& plan, const batcher_actor& batcher) {
  const engine_config& config = resources_.config;
  const model_config& model = resources_.files->config();
  serving_group group;
  group.plan = plan;
  resources_.dev->begin_epoch(plan.epoch);
  group.shards = spawn_shards(plan);
  attention_block_actor next;
  for (std::size_t i = plan.stages.size(); i-- > 0;) {
    const layer_range range = plan.stages[i];
    const kv_layout layout{range.count(), model.kv_heads, model.head_dim, config.page_size,
                           config.kv};
    auto wiring = std::make_unique<attention_block_wiring>();
    wiring->epoch = plan.epoch;
    wiring->dev = resources_.dev;
    wiring->files = resources_.files;
    wiring->kv = std::make_shared<kv_store>(*resources_.dev, layout, resources_.kv_pages);
    wiring->stage = std::make_shared<attention_stage>(
        *resources_.dev, *resources_.files, range, *wiring->kv, config.activations,
        attention_stage::limits{.rows = config.step_rows,
                                .packing = {config.pack_weights, resources_.progress},
                                .expert_rows = config.expert_rows});
    auto cache = std::make_shared<cache_wiring>();
    cache->manager = std::make_unique<kv_manager>(
        kv_manager::settings{config.page_size, resources_.kv_pages, config.prefix_cache},
        tiers_of(resources_, plan.stages.size(), range, wiring->kv));
    wiring->cache = self_->spawn<caf::linked>(cache_manager, std::move(cache));
    for (std::uint32_t layer = range.first; layer < range.last; ++layer) {
      std::vector<expert_shard_actor> holders;
      for (const std::uint32_t shard : plan.shards_of(layer))
        holders.push_back(group.shards[shard]);
      wiring->shards.push_back(std::move(holders));
    }
    wiring->exit = std::make_shared<local_exit>(next, batcher);
    wiring->hidden_bytes = std::size_t{config.step_rows} * model.hidden * sizeof(float);
    group.caches.push_back(wiring->cache);
    next = self_->spawn<caf::linked>(
        attention_block,
        std::make_shared<std::unique_ptr<attention_block_wiring>>(std::move(wiring)));
    self_->send(group.caches.back(), watch_atom::value, next);
    group.stages.push_back(next);
  }
  std::ranges::reverse(group.caches);
  std::ranges::reverse(group.stages);
  batch_limits& limits = group.limits;
  limits.step_rows = config.step_rows;
  limits.prefill_chunk = config.prefill_chunk;
  limits.prefill_beside = config.prefill_beside;
  limits.max_sequences = config.max_sequences;
  limits.max_waiting = config.max_waiting;
  limits.page_size = config.page_size;
  limits.pages = resources_.kv_pages;
  limits.context = resources_.context;
  take_cache_limits(limits, config, model);
  limits.speculation = {config.speculation.max_draft, config.speculation.rows};
  group.speculation = config.speculation.mode;
  return group;
}

node_actor::behavior_type node(node_actor::stateful_pointer<node_state> self,
                               const std::shared_ptr<node_resources>& resources) {
  self->state.start(self, std::move(*resources));
  return {
      [self](place_atom, const placement& plan, const batcher_actor& batcher) {
        return self->state.place(plan, batcher);
      },
  };
}

}  // namespace troupe
