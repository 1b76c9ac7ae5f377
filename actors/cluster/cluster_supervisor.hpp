#pragma once

#include <chrono>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "actors/cluster/answer_keeper.hpp"
#include "actors/cluster/control.hpp"
#include "actors/cluster/data_port.hpp"
#include "actors/cluster/key_use.hpp"
#include "actors/cluster/remote_group.hpp"
#include "actors/engine/engine_board.hpp"
#include "cluster/cluster_view.hpp"
#include "cluster/expert_load.hpp"
#include "cluster/failure_detector.hpp"
#include "cluster/membership.hpp"
#include "cluster/node_placement.hpp"
#include "runtime/config/cluster_config.hpp"
#include "runtime/config/engine_config.hpp"
#include "runtime/keys/use_exchange.hpp"
#include "runtime/model/model_bundle.hpp"
#include "runtime/wire/load_frames.hpp"
#include "runtime/wire/traffic.hpp"

namespace troupe {

/// What the supervisor lets the rest of its process read. Any thread.
class cluster_board {
 public:
  [[nodiscard]] cluster_view read() const;
  void publish(cluster_view view);
  /// Why nothing can be placed; empty while there is hope.
  [[nodiscard]] std::optional<error> obstacle() const;
  void set_obstacle(std::optional<error> why);
  /// What the nodes that are there have sent, as they said last.
  [[nodiscard]] std::map<peer_id, node_traffic> traffic() const;
  /// Of a peer that publish() has not shown yet: ignored.
  void note_traffic(peer_id peer, node_traffic sent);
  /// What views say of autoscaling from now on.
  void set_scaling(cluster_view::scaling_state now);

 private:
  mutable std::mutex mutex_;
  cluster_view view_;
  std::chrono::steady_clock::time_point published_;
  std::optional<error> obstacle_;
  std::map<peer_id, node_traffic> traffic_;
  std::optional<cluster_view::scaling_state> scaling_;
};

/// A peer was heard on the data plane, or its connection broke.
struct peer_heard {
  peer_id peer = 0;
};
struct peer_lost {
  peer_id peer = 0;
  error why{errc::unavailable, ""};
};
/// Who told that a stage's rows are at its buddy.
struct buddy_durable {
  peer_id buddy = 0;
  kv_durable durable;
};

using drain_atom = caf::atom_constant<caf::atom("drain")>;
using note_atom = caf::atom_constant<caf::atom("note")>;
/// Empty: draining has begun.
struct drain_answer {
  std::optional<error> refusal;
};

}  // namespace troupe

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::peer_heard)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::peer_lost)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::buddy_durable)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::expert_load_report)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::drain_answer)

namespace troupe {

using cluster_supervisor_actor = join_desk_actor::extend<
    caf::replies_to<weights_atom, node_hello>::with<weights_welcome>,
    caf::reacts_to<weights_atom, weights_progress>, caf::reacts_to<peer_heard>,
    caf::reacts_to<peer_lost>, caf::reacts_to<buddy_durable>, caf::reacts_to<expert_load_report>,
    caf::reacts_to<arrived_key_use>, caf::reacts_to<stalled_atom, epoch_number>,
    caf::reacts_to<tick_atom>, caf::reacts_to<note_atom, std::string>,
    caf::replies_to<drain_atom, std::string>::with<drain_answer>>;

/// What a supervisor is born with.
struct cluster_supervisor_wiring {
  std::shared_ptr<data_port> port;
  batcher_actor batcher;
  answer_keeper_actor keeper;  ///< hears of gateways that are gone
  std::shared_ptr<cluster_board> board;
  std::shared_ptr<engine_board> health;
  std::shared_ptr<use_exchange> exchange;  ///< of this process's own keys
  cluster_identity identity;
  std::string model_path;
  std::shared_ptr<lazy_bundle> bundle;  ///< the model's files, for nodes that lack them
  model_config model;
  model_sizes sizes;
  engine_config engine;  ///< with nothing left to choose
  cluster_config cluster;
  std::uint32_t nodes = 1;       ///< that must have joined before anything is placed
  epoch_number first_epoch = 0;  ///< every epoch is later: those of former supervisors are earlier
};

/// Decides who serves what: takes nodes in, notices that they are gone, and brings the placement
/// from one epoch to the next. What it decides by are plain classes of cluster/.
class cluster_supervisor_state {
 public:
  static inline const char* name = "supervisor";

  void start(cluster_supervisor_actor::pointer self, cluster_supervisor_wiring wiring);
  [[nodiscard]] node_welcome on_hello(const node_hello& hello);
  [[nodiscard]] node_welcome on_join(const node_hello& hello, const worker_actor& worker);
  [[nodiscard]] weights_welcome on_weights(const node_hello& hello);
  void on_weights_progress(const weights_progress& p);
  [[nodiscard]] gateway_welcome on_gateway_hello(const gateway_hello& hello) const;
  [[nodiscard]] gateway_welcome on_gateway_join(const gateway_hello& hello);
  void on_heard(peer_id peer);
  void on_lost(peer_id peer, const std::string& why);
  void on_durable(const buddy_durable& d);
  void on_load(const expert_load_report& report);
  /// Steps get lost though every node is there: begins an epoch with new connections among all.
  void on_stalled(epoch_number epoch);
  /// A gateway's keys have taken something: passes it on to the other gateways and to the keys of
  /// this process.
  void on_key_use(const arrived_key_use& arrived);
  void on_tick();
  [[nodiscard]] drain_answer on_drain(const std::string& node);
  /// Something that people should see among the cluster's events.
  void on_note(const std::string& text);

 private:
  using clock = std::chrono::steady_clock;
  struct node_entry {
    worker_actor worker;
    peer_address address;
    protocol_offer speaks;
    std::vector<held_stage> held;  ///< when it joined
    std::uint32_t held_pages = 0;
    bool experts_only = false;
    std::uint64_t outputs = 0;  ///< that its experts were asked for
    std::optional<cluster_view::weights_got> weights = {};
  };
  /// A change of placement that is being carried out.
  struct move {
    cluster_plan plan;
    bool prepare = false;  ///< new holders load first, while the old placement serves
    std::map<peer_id, clock::time_point> awaited;  ///< who has yet to answer, and until when
    std::vector<stage_heritage> taken_over;
    /// Buddies that have all before the last holder has answered; they will not say it again.
    std::set<std::pair<std::uint32_t, peer_id>> synced;
  };

  struct gateway_entry {
    std::string name;
    peer_address address;
  };

  /// A node that gets the model's files before it joins.
  struct visiting {
    peer_address address;
    clock::time_point until;
  };

  [[nodiscard]] node_welcome settings() const;
  /// What is spoken with a peer of that version; unsupported, with what is wrong, where it cannot
  /// join.
  [[nodiscard]] result<protocol_terms> terms_with(std::string_view who, const std::string& version,
                                                  const protocol_offer& offer) const;
  /// What two of the nodes and this process speak on the data plane.
  [[nodiscard]] std::uint32_t data_protocol(peer_id a, peer_id b) const;
  /// A visitor that joins, is lost or takes too long is one no more.
  void forget_visitors(clock::time_point now);
  /// Nothing that the peer still has reaches this process any more.
  void cut_off(peer_id peer);
  void lose_gateway(peer_id peer, const std::string& why);
  /// To all gateways but one (0: none): what was taken, and how many share the limits.
  void tell_gateways(peer_id but, const std::vector<key_taken>& taken);
  /// What the keys of this process have taken, and how many share the limits: where that has
  /// changed, and now and then, as what is told may get lost.
  void tell_key_use();
  [[nodiscard]] std::uint32_t sharers() const;
  /// Peers notice by its absence that this process is gone or frozen.
  void beat();
  [[nodiscard]] std::vector<node_capacity> capacities() const;
  [[nodiscard]] std::uint64_t nonce_of(peer_id a, peer_id b);
  void connect();
  // changes of placement
  void place_first();
  /// Goes on with what the nodes still hold from under another supervisor, where that is all.
  void adopt_held();
  /// Places anew what another supervisor had placed with experts apart, where not all nodes have
  /// come back.
  void place_without_lost();
  [[nodiscard]] placement_wishes wishes() const;
  void lose_copies(peer_id peer);
  /// Finds what would be better than what is, and goes there step by step.
  void improve();
  void approach();
  /// Experts that are chosen much more than others get copies on more nodes. Whether a change has
  /// begun.
  [[nodiscard]] bool spread_hot_experts();
  [[nodiscard]] bool experts_apart() const;
  /// Nodes that hold nothing are up all the same.
  void welcome_spares();
  [[nodiscard]] cluster_plan with_new_buddies(const cluster_plan& goal) const;
  [[nodiscard]] bool leaders_are_synced(const cluster_plan& goal) const;
  /// Whether all that are to hold copies of a stage do, where the goal takes one off a node.
  [[nodiscard]] bool successors_are_synced(const cluster_plan& goal) const;
  void begin(cluster_plan plan, bool prepare);
  void send_orders();
  [[nodiscard]] node_orders orders_for(peer_id node);
  void on_orders_done(peer_id node, const orders_done& done);
  /// For a node that gets on with what it was ordered.
  void await_longer(peer_id node);
  void lose_late(clock::time_point now);
  void on_no_answer(peer_id node, epoch_number epoch, const std::string& why);
  void commit();
  void hand_to_batcher();
  /// How many steps the placement in force is to have under way.
  [[nodiscard]] std::uint32_t steps_under_way() const;
  void let_go_drained();
  // showing
  void publish();
  [[nodiscard]] bool is_redundant() const;
  [[nodiscard]] std::string name_of(peer_id peer) const;

  cluster_supervisor_actor::pointer self_ = nullptr;
  cluster_supervisor_wiring w_;
  std::optional<membership> members_;
  failure_detector detector_;
  std::map<peer_id, node_entry> nodes_;
  std::map<peer_id, gateway_entry> gateways_;
  std::map<peer_id, visiting> visitors_;
  clock::time_point next_beat_;
  std::uint32_t told_sharers_ = 0;
  clock::time_point tell_again_;
  std::map<std::pair<peer_id, peer_id>, std::uint64_t> nonces_;
  std::uint32_t pages_ = 0;
  clock::time_point last_join_;
  epoch_number epoch_ = 0;
  std::optional<cluster_plan> plan_;  ///< in force
  std::optional<cluster_plan> goal_;  ///< on the way there
  std::optional<move> move_;
  std::set<std::pair<std::uint32_t, peer_id>> synced_;  ///< first layer, buddy
  std::set<peer_id> let_go_;                            ///< drained, and told so
  std::shared_ptr<remote_group> group_;
  bool serving_ = false;
  clock::time_point not_before_;      ///< of the next improvement
  std::optional<expert_load> loads_;  ///< where experts live apart
  clock::time_point next_rebalance_;
};

cluster_supervisor_actor::behavior_type cluster_supervisor(
    cluster_supervisor_actor::stateful_pointer<cluster_supervisor_state> self,
    const std::shared_ptr<cluster_supervisor_wiring>& wiring);

}  // namespace troupe
