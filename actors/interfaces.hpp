#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "actors/messages.hpp"
#include "cluster/expert_route_table.hpp"

namespace troupe {

class stage_exit;
class stage_log;
struct stage_rewiring;

/// Serves attention for a range of layers: takes steps, answers the batcher through the last stage.
using attention_block_actor =
    caf::typed_actor<caf::reacts_to<step_message>, caf::reacts_to<expert_applied>,
                     caf::reacts_to<table_changes>, caf::reacts_to<stage_rewiring>,
                     caf::reacts_to<masks_ready>>;

/// One whose experts may be on other nodes: it hears of their answers, and of nodes that are lost.
using asking_block_actor =
    attention_block_actor::extend<caf::reacts_to<experts_chosen>, caf::reacts_to<expert_answer>,
                                  caf::reacts_to<node_lost>, caf::reacts_to<tick_atom>>;

/// Owns the KV pages of one stage. The block that watches it hears of changed page tables before
/// the asker gets its reply, and so before any step that needs them.
using cache_manager_actor =
    caf::typed_actor<caf::replies_to<cache_request>::with<cache_reply>,
                     caf::replies_to<tables_atom, std::vector<sequence_id>>::with<table_list>,
                     caf::reacts_to<watch_atom, attention_block_actor>, caf::reacts_to<look_atom>>;

/// Serves a set of experts; answers each apply with an expert_applied to the attention block.
using expert_shard_actor =
    caf::typed_actor<caf::reacts_to<apply_atom, expert_apply, attention_block_actor>>;

/// One that stages on other nodes ask as well.
using serving_shard_actor = expert_shard_actor::extend<caf::reacts_to<expert_ask>>;

/// A new epoch for an attention block: where its steps go from now on, who hears of its pages, and
/// who has its experts.
struct stage_rewiring {
  epoch_number epoch = 0;
  std::shared_ptr<stage_exit> exit;
  std::shared_ptr<stage_log> log;
  std::vector<std::vector<expert_shard_actor>> shards;  ///< of this process, by layer of the stage
  /// Where the rows of others go; null: all are here.
  std::shared_ptr<const std::vector<expert_route>> routes;
};

/// Hears of its requests from the batcher that it gave them to.
using asker_actor = caf::typed_actor<caf::reacts_to<news_batch>, caf::reacts_to<request_failure>>;

/// Takes requests from front ends to a batcher, and its news back.
using gateway_actor =
    asker_actor::extend<caf::reacts_to<request_envelope>, caf::reacts_to<cancel_atom, request_id>>;

/// Guesses what follows the texts of a batcher, with a small model's.
using drafter_actor = asker_actor::extend<caf::replies_to<draft_ask>::with<draft_reply>>;

/// Hears that nothing has come of a step for far longer than steps take.
using stall_listener_actor = caf::typed_actor<caf::reacts_to<stalled_atom, epoch_number>>;

/// What a placement became: the actors of one epoch.
struct serving_group {
  placement plan;
  std::vector<attention_block_actor> stages;
  std::vector<cache_manager_actor> caches;
  std::vector<expert_shard_actor> shards;
  batch_limits limits;
  speculation_mode speculation = speculation_mode::off;
  /// What an earlier group left behind: the last step whose keys and values every stage still has.
  /// Not set: all of them were kept, nothing was lost.
  std::optional<std::optional<step_id>> kept;
  stall_listener_actor watch;  ///< null: a step that gives no result ends its requests
};

/// Runs sequences: composes steps, sends them to the first stage, tells askers what came of them.
using batcher_actor =
    caf::typed_actor<caf::reacts_to<serving_group>, caf::reacts_to<request_envelope, asker_actor>,
                     caf::reacts_to<cancel_atom, request_id>, caf::reacts_to<step_result>,
                     caf::reacts_to<step_failure>, caf::reacts_to<kv_durable>,
                     caf::reacts_to<drafter_actor>, caf::reacts_to<tick_atom>,
                     caf::reacts_to<look_atom>,

                     caf::reacts_to<prepared_atom>>;

/// Runs a process: its device and the actors placed on it. `place` spawns them for a batcher.
using node_actor =
    caf::typed_actor<caf::replies_to<place_atom, placement, batcher_actor>::with<serving_group>>;

/// Decides who serves what; hands out the batcher.
using supervisor_actor = caf::typed_actor<caf::replies_to<route_atom>::with<batcher_actor>>;

}  // namespace troupe

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::serving_group)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::stage_rewiring)
