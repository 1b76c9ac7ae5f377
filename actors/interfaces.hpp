#pragma once

#include <vector>

#include "actors/messages.hpp"

namespace troupe {

/// Owns the KV pages of one stage.
using cache_manager_actor =
    caf::typed_actor<caf::replies_to<cache_request>::with<cache_reply>,
                     caf::replies_to<tables_atom, std::vector<sequence_id>>::with<table_list>>;

/// Serves attention for a range of layers: takes steps, answers the batcher through the last stage.
using attention_block_actor =
    caf::typed_actor<caf::reacts_to<step_message>, caf::reacts_to<expert_applied>>;

/// Serves a set of experts; answers each apply with an expert_applied to the attention block.
using expert_shard_actor =
    caf::typed_actor<caf::reacts_to<apply_atom, expert_apply, attention_block_actor>>;

/// Hears of its requests from the batcher.
using gateway_actor =
    caf::typed_actor<caf::reacts_to<news_batch>, caf::reacts_to<request_failure>,
                     caf::reacts_to<request_envelope>, caf::reacts_to<cancel_atom, request_id>>;

/// What a placement became: the actors of one epoch.
struct serving_group {
  placement plan;
  std::vector<attention_block_actor> stages;
  std::vector<cache_manager_actor> caches;
  std::vector<expert_shard_actor> shards;
  batch_limits limits;
};

/// Runs sequences: composes steps, sends them to the first stage, tells gateways what came of them.
using batcher_actor =
    caf::typed_actor<caf::reacts_to<serving_group>, caf::reacts_to<request_envelope, gateway_actor>,
                     caf::reacts_to<cancel_atom, request_id>, caf::reacts_to<step_result>,
                     caf::reacts_to<step_failure>, caf::reacts_to<tick_atom>>;

/// Runs a process: its device and the actors placed on it. `place` spawns them for a batcher.
using node_actor =
    caf::typed_actor<caf::replies_to<place_atom, placement, batcher_actor>::with<serving_group>>;

/// Decides who serves what; hands out the batcher.
using supervisor_actor = caf::typed_actor<caf::replies_to<route_atom>::with<batcher_actor>>;

}  // namespace troupe

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::serving_group)
