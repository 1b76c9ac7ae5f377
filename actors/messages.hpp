#pragma once

#include <caf/all.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "cluster/batching/batch_scheduler.hpp"
#include "cluster/batching/speculation/draft_ask.hpp"
#include "cluster/placement.hpp"
#include "runtime/engine/attention_stage.hpp"
#include "runtime/engine/expert_exchange.hpp"
#include "runtime/engine/step.hpp"
#include "runtime/wire/kv_frames.hpp"

namespace troupe {

/// Hidden rows [rows, hidden] between stages, in memory that the device shares with the machine.
using hidden_rows = std::shared_ptr<device_buffer>;

/// One step on its way through the stages. `x` is empty at the first stage.
struct step_message {
  std::shared_ptr<const step_plan> plan;
  hidden_rows x;
  std::shared_ptr<const std::chrono::steady_clock::time_point>
      started;  ///< on the device, once it got there
};

/// Asks a shard to submit its experts of one layer behind what is on the stream already.
struct expert_apply {
  epoch_number epoch = 0;
  step_id step = 0;
  std::uint32_t layer = 0;
  expert_call call;
  std::shared_ptr<const void> owner;  ///< of the memory that `call` names
};

/// The shard has submitted its work (not: the work is done).
struct expert_applied {
  epoch_number epoch = 0;
  step_id step = 0;
  std::uint32_t layer = 0;
  bool accepted = true;  ///< false: the device refused it, or the shard does not hold the layer
};

/// The device has got past the routing of a layer: rows for experts elsewhere can go.
struct experts_chosen {
  epoch_number epoch = 0;
  step_id step = 0;
  std::uint32_t layer = 0;
};

/// What experts of another node made of rows.
struct expert_answer {
  peer_id from = 0;
  expert_outputs_header header;
  std::span<const std::byte> payload;
  std::shared_ptr<const void> owner;  ///< of the payload
};

/// The connection to a node broke.
struct node_lost {
  peer_id node = 0;
};

/// Rows of a stage on another node. `answer` is called once, on any thread.
struct expert_ask {
  expert_rows_header header;
  std::span<const std::byte> payload;
  std::shared_ptr<const void> owner;  ///< of the payload
  std::function<void(expert_reply&&)> answer;
};

/// A step that cannot be completed.
struct step_failure {
  step_id step = 0;
  error why{errc::internal, ""};
};

/// Page tables of the asked sequences, in their order; null for a sequence that is not open.
struct table_list {
  std::vector<page_table> tables;
};

/// Page tables that changed, for the attention block that reads them; null: the sequence is gone.
struct table_changes {
  std::vector<std::pair<sequence_id, page_table>> changed;
};

/// The masks of a step that is under way have been published.
struct masks_ready {
  std::shared_ptr<const step_plan> plan;
};

/// A request on its way from a gateway to a batcher.
struct request_envelope {
  request_id id = 0;
  std::shared_ptr<const generation_request> asked;
};

/// What a step brought to the requests of one gateway.
struct news_batch {
  std::vector<request_news> news;
};

/// A request that ends with an error.
struct request_failure {
  request_id id = 0;
  error why{errc::internal, ""};
};

using apply_atom = caf::atom_constant<caf::atom("apply")>;
using tables_atom = caf::atom_constant<caf::atom("tables")>;
using watch_atom = caf::atom_constant<caf::atom("watch")>;
using cancel_atom = caf::atom_constant<caf::atom("cancel")>;
using place_atom = caf::atom_constant<caf::atom("place")>;
using route_atom = caf::atom_constant<caf::atom("route")>;
using stalled_atom = caf::atom_constant<caf::atom("stalled")>;
using prepared_atom = caf::atom_constant<caf::atom("prepared")>;
using tick_atom = caf::atom_constant<caf::atom("tick")>;
using look_atom = caf::atom_constant<caf::atom("look")>;

}  // namespace troupe

// Values that name memory of this process, or travel inside it only: CAF passes them by reference
// and never puts them on a wire.
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::step_message)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::expert_apply)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::expert_applied)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::experts_chosen)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::expert_answer)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::expert_ask)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::node_lost)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::step_failure)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::step_result)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::table_list)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::table_changes)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::masks_ready)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::kv_durable)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::request_envelope)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::news_batch)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::request_failure)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::cache_request)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::cache_reply)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::draft_ask)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::draft_reply)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::placement)
