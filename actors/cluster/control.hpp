#pragma once

#include <caf/all.hpp>
#include <cstdint>
#include <string>
#include <vector>

#include "actors/messages.hpp"
#include "runtime/config/engine_config.hpp"
#include "runtime/config/tls_files.hpp"
#include "runtime/release/release.hpp"
#include "runtime/transport/transport.hpp"

namespace troupe {

// What supervisors, nodes and gateways tell each other over CAF. Hellos and welcomes keep their
// form in all versions of the control protocol, so that any two can agree on one, or say why not.
// Another message that changes gets a new type beside the old one, for as long as both are spoken.

/// A stage that a node is still loaded with.
struct held_stage {
  std::uint32_t first = 0, last = 0;  ///< layers
  bool led = false;
};

/// A node introduces itself: first without a model, to hear what is served, then to join.
struct node_hello {
  protocol_offer speaks = release::protocols;
  std::string version;  ///< of troupe
  std::uint64_t peer = 0;
  std::string name, host;
  std::uint64_t pid = 0;
  std::string kernel_target;
  std::uint64_t memory_bytes = 0;
  std::uint32_t threads = 0;
  std::string model;  ///< identity of the files it has
  std::vector<std::uint8_t> data_address;
  std::vector<held_stage> held;  ///< from under a former supervisor
  std::uint32_t held_pages = 0;  ///< KV pages of each
  bool experts_only = false;     ///< holds expert shards and nothing of a stage
};

/// How to reach a peer on the data plane, and the secret of this pair.
struct peer_introduction {
  std::uint64_t peer = 0;
  std::vector<std::uint8_t> address;
  std::uint64_t nonce = 0;
  std::uint32_t protocol = 0;  ///< the version of the data protocol that this pair speaks
};

/// What a node must know before it can hold anything. Not accepted: only `refusal` is set.
struct node_welcome {
  std::string refusal;
  protocol_terms terms;  ///< what is spoken with this supervisor
  std::string model_path, model_identity;
  std::uint32_t page_size = 0, kv_type = 0, step_rows = 0;
  std::uint32_t activations = 0;  ///< of arithmetic_of()
  bool prefix_cache = false, pack_weights = false;
  std::uint32_t heartbeat_ms = 0, gone_after_ms = 0;
  peer_introduction supervisor;
};

/// What a node that lacks the model's files must know to get them from its peers: the files, and
/// what of them it needs first. Not accepted: only `refusal` is set.
struct weights_welcome {
  std::string refusal;
  bool folder = false;             ///< a model is the files' folder, not its only file
  std::vector<std::string> names;  ///< of the files
  std::vector<std::uint64_t> sizes;
  std::vector<std::uint32_t> opening;  ///< blocks that opening the model reads
  peer_introduction supervisor;        ///< gives them
};

/// How far a node is with what it gets of the model's files from peers.
struct weights_progress {
  std::uint64_t peer = 0;
  std::uint64_t got = 0, wanted = 0;  ///< bytes; the same: all is there
};

/// A gateway introduces itself, as a node does.
struct gateway_hello {
  protocol_offer speaks = release::protocols;
  std::string version;  ///< of troupe
  std::uint64_t peer = 0;
  std::string name, host;
  std::uint64_t pid = 0;
  std::string url;    ///< where its clients find it
  std::string model;  ///< identity of the files it has
  std::vector<std::uint8_t> data_address;
};

/// What a gateway must know to serve clients. Not accepted: only `refusal` is set.
struct gateway_welcome {
  std::string refusal;
  protocol_terms terms;  ///< what is spoken with this supervisor
  std::string model_path, model_identity;
  std::uint32_t context = 0;   ///< most tokens of a prompt and its answer
  std::uint32_t max_open = 0;  ///< requests that it may have open at once
  std::uint32_t heartbeat_ms = 0, gone_after_ms = 0;
  peer_introduction supervisor;
};

/// One stage that a node holds: as its primary (`leads`) or as a buddy.
struct stage_order {
  std::uint32_t first = 0, last = 0;  ///< layers
  bool leads = false;
  std::uint64_t primary = 0;
  std::uint64_t next = 0;  ///< peer of the following stage; 0: this is the last
  std::vector<std::uint64_t> buddies;
};

/// Experts [first, first + count) of a layer.
struct expert_slice {
  std::uint32_t layer = 0, first = 0, count = 0;
};

/// A set of experts that live apart from their stages, and who serves it.
struct shard_order {
  std::vector<expert_slice> owned;
  std::vector<std::uint64_t> replicas;
};

/// An expert that more nodes hold than those of its shard.
struct hot_order {
  std::uint32_t layer = 0, expert = 0;
  std::vector<std::uint64_t> copies;
};

/// All that a node holds from an epoch on. What it held and is not listed goes.
struct node_orders {
  std::uint64_t epoch = 0;
  bool prepare = false;       ///< only load what is lacking; everything else goes on as it is
  std::uint64_t batcher = 0;  ///< peer of the process that has it
  std::uint32_t kv_pages = 0;
  std::vector<peer_introduction> peers;
  std::vector<stage_order> stages;
  bool experts_apart = false;       ///< false: each stage has its own experts
  std::vector<shard_order> shards;  ///< all of the cluster's, where experts live apart
  std::vector<hot_order> hot;
};

/// A stage that the node leads now and did not before: the last step whose rows it holds.
struct stage_heritage {
  std::uint32_t first = 0;
  bool whole = false;  ///< false: it holds nothing, all is to be replayed
  std::uint64_t applied = 0;
};

struct orders_done {
  std::uint64_t epoch = 0;
  std::string failure;  ///< empty: all is in place
  std::vector<stage_heritage> taken_over;
};

template <class Inspector>
auto inspect(Inspector& f, protocol_range& x) {
  return f(caf::meta::type_name("protocol_range"), x.lowest, x.highest);
}
template <class Inspector>
auto inspect(Inspector& f, protocol_offer& x) {
  return f(caf::meta::type_name("protocol_offer"), x.control, x.data);
}
template <class Inspector>
auto inspect(Inspector& f, protocol_terms& x) {
  return f(caf::meta::type_name("protocol_terms"), x.control, x.data);
}
template <class Inspector>
auto inspect(Inspector& f, held_stage& x) {
  return f(caf::meta::type_name("held_stage"), x.first, x.last, x.led);
}
template <class Inspector>
auto inspect(Inspector& f, node_hello& x) {
  return f(caf::meta::type_name("node_hello"), x.speaks, x.version, x.peer, x.name, x.host, x.pid,
           x.kernel_target, x.memory_bytes, x.threads, x.model, x.data_address, x.held,
           x.held_pages, x.experts_only);
}
template <class Inspector>
auto inspect(Inspector& f, peer_introduction& x) {
  return f(caf::meta::type_name("peer_introduction"), x.peer, x.address, x.nonce, x.protocol);
}
template <class Inspector>
auto inspect(Inspector& f, node_welcome& x) {
  return f(caf::meta::type_name("node_welcome"), x.refusal, x.terms, x.model_path, x.model_identity,
           x.page_size, x.kv_type, x.step_rows, x.activations, x.prefix_cache, x.pack_weights,
           x.heartbeat_ms, x.gone_after_ms, x.supervisor);
}
template <class Inspector>
auto inspect(Inspector& f, weights_welcome& x) {
  return f(caf::meta::type_name("weights_welcome"), x.refusal, x.folder, x.names, x.sizes,
           x.opening, x.supervisor);
}
template <class Inspector>
auto inspect(Inspector& f, weights_progress& x) {
  return f(caf::meta::type_name("weights_progress"), x.peer, x.got, x.wanted);
}
template <class Inspector>
auto inspect(Inspector& f, gateway_hello& x) {
  return f(caf::meta::type_name("gateway_hello"), x.speaks, x.version, x.peer, x.name, x.host,
           x.pid, x.url, x.model, x.data_address);
}
template <class Inspector>
auto inspect(Inspector& f, gateway_welcome& x) {
  return f(caf::meta::type_name("gateway_welcome"), x.refusal, x.terms, x.model_path,
           x.model_identity, x.context, x.max_open, x.heartbeat_ms, x.gone_after_ms, x.supervisor);
}
template <class Inspector>
auto inspect(Inspector& f, stage_order& x) {
  return f(caf::meta::type_name("stage_order"), x.first, x.last, x.leads, x.primary, x.next,
           x.buddies);
}
template <class Inspector>
auto inspect(Inspector& f, expert_slice& x) {
  return f(caf::meta::type_name("expert_slice"), x.layer, x.first, x.count);
}
template <class Inspector>
auto inspect(Inspector& f, shard_order& x) {
  return f(caf::meta::type_name("shard_order"), x.owned, x.replicas);
}
template <class Inspector>
auto inspect(Inspector& f, hot_order& x) {
  return f(caf::meta::type_name("hot_order"), x.layer, x.expert, x.copies);
}
template <class Inspector>
auto inspect(Inspector& f, node_orders& x) {
  return f(caf::meta::type_name("node_orders"), x.epoch, x.prepare, x.batcher, x.kv_pages, x.peers,
           x.stages, x.experts_apart, x.shards, x.hot);
}
template <class Inspector>
auto inspect(Inspector& f, stage_heritage& x) {
  return f(caf::meta::type_name("stage_heritage"), x.first, x.whole, x.applied);
}
template <class Inspector>
auto inspect(Inspector& f, orders_done& x) {
  return f(caf::meta::type_name("orders_done"), x.epoch, x.failure, x.taken_over);
}

using hello_atom = caf::atom_constant<caf::atom("hello")>;
using join_atom = caf::atom_constant<caf::atom("join")>;
using weights_atom = caf::atom_constant<caf::atom("weights")>;
using leave_atom = caf::atom_constant<caf::atom("leave")>;

/// Runs a node of a cluster: places what it is ordered to hold.
using worker_actor = caf::typed_actor<caf::replies_to<node_orders>::with<orders_done>,
                                      caf::reacts_to<leave_atom>, caf::reacts_to<tick_atom>>;

/// Where nodes and gateways join. A node's joining ends with orders once there is something to
/// hold. A node that wants to leave says its name and is answered why it cannot be drained, or with
/// nothing: then it has been let go when it is told to leave.
using join_desk_actor =
    caf::typed_actor<caf::replies_to<hello_atom, node_hello>::with<node_welcome>,
                     caf::replies_to<join_atom, node_hello, worker_actor>::with<node_welcome>,
                     caf::replies_to<hello_atom, gateway_hello>::with<gateway_welcome>,
                     caf::replies_to<join_atom, gateway_hello>::with<gateway_welcome>,
                     caf::replies_to<leave_atom, std::string>::with<std::string>>;

/// What a desk that speaks control 6 understands besides: a node that lacks the model's files asks
/// about them before it joins, and says how much of what it needs has come (bytes, of all).
using weights_desk_actor =
    caf::typed_actor<caf::replies_to<weights_atom, node_hello>::with<weights_welcome>,
                     caf::reacts_to<weights_atom, weights_progress>>;
/// The first version of the control protocol with weights_desk_actor.
inline constexpr std::uint32_t weights_since = 6;

/// The settings of how rows meet weights as the one number that a welcome has room for: the
/// activation_mode, and more from 256 on, which only nodes are told that speak data f8_rows_since.
[[nodiscard]] std::uint32_t arithmetic_of(const engine_config& config);
void take_arithmetic(engine_config& config, std::uint32_t number);
/// What a supervisor settles for its nodes.
void take_settings(engine_config& config, const node_welcome& welcome);

/// Between the data plane's form and control's.
[[nodiscard]] peer_introduction introduce(const peer_address& peer);
[[nodiscard]] peer_address address_of(const peer_introduction& peer);

/// A name for this process's life, drawn at random.
[[nodiscard]] peer_id draw_peer_id();

/// CAF's settings of a process of a cluster: the network, the messages above, and few threads that
/// sleep when idle, as arithmetic belongs to the compute pool. With TLS files, which must have been
/// checked, every connection is mutually authenticated.
class cluster_system_config : public caf::actor_system_config {
 public:
  cluster_system_config(std::uint32_t threads, const tls_files& tls);
};

}  // namespace troupe
