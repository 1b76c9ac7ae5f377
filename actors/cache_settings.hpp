#pragma once

#include <memory>

#include "actors/node.hpp"
#include "cluster/batching/batch_scheduler.hpp"
#include "runtime/cache/kv_store.hpp"
#include "runtime/cache/page_tiers.hpp"
#include "runtime/engine/attention_stage.hpp"

namespace troupe {

/// What the configuration and the model say of caching and of long prompts.
void take_cache_limits(batch_limits& limits, const engine_config& config,
                       const model_config& model);

/// The tiers behind one of `stages` stages of this process, to be given to its cache manager; null
/// where the configuration has none, or where they cannot be used, which is logged: answers come
/// out the same without them.
[[nodiscard]] std::shared_ptr<page_tiers> tiers_of(const node_resources& node, std::size_t stages,
                                                   layer_range layers,
                                                   const std::shared_ptr<const kv_store>& store);

}  // namespace troupe
