// How a placement changes: what is wanted, orders to the nodes, and the new group for the batcher.
#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

#include "actors/cache_settings.hpp"
#include "actors/cluster/cluster_supervisor.hpp"
#include "actors/cluster/expert_orders.hpp"
#include "actors/cluster/member_process.hpp"
#include "cluster/placement_diff.hpp"
#include "cluster/steps_at_once.hpp"
#include "runtime/device/cpu_device.hpp"
#include "runtime/wire/frames.hpp"

namespace troupe {
namespace {

/// For a node to carry out orders, and since it last got some weights of peers: loading is the
/// longest of it.
constexpr auto prepare_deadline = std::chrono::minutes(10);
constexpr auto commit_deadline = std::chrono::seconds(5);
/// For a node to hear that it may go.
constexpr auto farewell_deadline = std::chrono::seconds(1);
/// Before something that did not work out is tried again.
constexpr auto retry_pause = std::chrono::milliseconds(500);

bool holds(const stage_home& stage, peer_id node) {
  return stage.primary == node || std::ranges::find(stage.buddies, node) != stage.buddies.end();
}

/// The stage of `plan` with these layers; null if it is cut otherwise.
const stage_home* same_stage(const cluster_plan& plan, const stage_home& as) {
  const auto found = std::ranges::find(plan.stages, as.layers, &stage_home::layers);
  return found == plan.stages.end() ? nullptr : &*found;
}

}  // namespace

void cluster_supervisor_state::lose_copies(peer_id peer) {
  goal_.reset();  // another is found once this is settled
  // What is being moved to counts as well: its copies are lost, too.
  const bool moving = move_.has_value();
  if (!plan_ && !moving) return;
  const cluster_plan& from = plan_ ? *plan_ : move_->plan;
  const bool concerned =
      !duties_of(from, peer).empty() ||
      (moving && (move_->awaited.contains(peer) || !duties_of(move_->plan, peer).empty()));
  if (!concerned) return;
  if (!plan_) {  // the first placement was under way: begin again
    move_.reset();
    adopt_held();
    if (!move_ && nodes_.size() >= w_.nodes) place_first();
    return;
  }
  std::vector<peer_id> lost{peer};
  promotion left = promote(from, lost, ++epoch_);
  for (const std::uint32_t stage : left.taken_over) {
    const std::uint32_t first_layer = left.plan.stages[stage].layers.first;
    std::erase_if(synced_, [&](const auto& synced) { return synced.first == first_layer; });
  }
  if (left.homeless_stages.empty() && left.homeless_shards.empty()) {
    plan_ = left.plan;
    begin(std::move(left.plan), false);
    return;
  }
  serving_ = false;
  plan_ = left.plan;
  move_.reset();
  improve();
}

void cluster_supervisor_state::improve() {
  not_before_ = clock::now() + retry_pause;
  if (goal_ && serving_) return approach();
  auto repaired = repair(*plan_, w_.sizes, capacities(), epoch_ + 1);
  if (!repaired) {
    if (w_.board->obstacle() != repaired.error()) {
      members_->note(clock::now(), "not everything has a place: " + repaired.error().message());
      w_.board->set_obstacle(repaired.error());
      publish();
    }
    return;
  }
  w_.board->set_obstacle(std::nullopt);
  goal_ = std::move(repaired->plan);
  goal_->epoch = plan_->epoch;
  if (*goal_ != *plan_ || !serving_) return approach();
  goal_.reset();
  welcome_spares();
  let_go_drained();
  // One copy at a time, and none while another is on its way.
  if (!is_redundant() || spread_hot_experts()) return;
  cluster_plan levelled = level(*plan_, w_.sizes, capacities(), 1, epoch_ + 1);
  if (levelled.epoch == plan_->epoch) return;
  levelled.epoch = plan_->epoch;
  goal_ = std::move(levelled);
  approach();
}

void cluster_supervisor_state::approach() {
  cluster_plan next = *goal_;
  // Who is to lead a stage holds its keys and values first, and so does whoever takes a copy over.
  if (serving_ && !(leaders_are_synced(*goal_) && successors_are_synced(*goal_))) {
    next = with_new_buddies(*goal_);
    next.epoch = plan_->epoch;
    if (next == *plan_) return;  // they are being copied
  } else {
    goal_.reset();
  }
  next.epoch = ++epoch_;
  begin(std::move(next), true);
}

void cluster_supervisor_state::welcome_spares() {
  for (const auto& [peer, node] : nodes_) {
    const member* m = members_->find(peer);
    if (m == nullptr || m->state != member_state::joining) continue;
    (void)members_->ready(peer, clock::now());
    publish();
  }
}

cluster_plan cluster_supervisor_state::with_new_buddies(const cluster_plan& goal) const {
  cluster_plan between = *plan_;
  for (stage_home& s : between.stages) {
    const stage_home* wanted = same_stage(goal, s);
    if (wanted == nullptr) continue;
    std::vector<peer_id> all = wanted->buddies;
    all.push_back(wanted->primary);
    for (const peer_id p : all)
      if (!holds(s, p)) s.buddies.push_back(p);
  }
  return between;
}

bool cluster_supervisor_state::leaders_are_synced(const cluster_plan& goal) const {
  return std::ranges::all_of(goal.stages, [&](const stage_home& s) {
    const stage_home* now = same_stage(*plan_, s);
    return now != nullptr && (now->primary == no_peer || now->primary == s.primary ||
                              synced_.contains({s.layers.first, s.primary}));
  });
}

bool cluster_supervisor_state::successors_are_synced(const cluster_plan& goal) const {
  return std::ranges::all_of(plan_->stages, [&](const stage_home& now) {
    const stage_home* wanted = same_stage(goal, now);
    const bool given_up = wanted != nullptr && std::ranges::any_of(now.buddies, [&](peer_id buddy) {
                            return nodes_.contains(buddy) && !holds(*wanted, buddy);
                          });
    return !given_up || std::ranges::all_of(wanted->buddies, [&](peer_id buddy) {
      return buddy == now.primary || synced_.contains({now.layers.first, buddy});
    });
  });
}

void cluster_supervisor_state::begin(cluster_plan plan, bool prepare) {
  move m;
  m.plan = std::move(plan);
  m.prepare = prepare;
  move_ = std::move(m);
  send_orders();
}

void cluster_supervisor_state::send_orders() {
  const epoch_number epoch = move_->plan.epoch;
  const auto limit = move_->prepare ? std::chrono::duration_cast<clock::duration>(prepare_deadline)
                                    : std::chrono::duration_cast<clock::duration>(commit_deadline);
  move_->awaited.clear();
  for (const auto& [peer, node] : nodes_) {
    move_->awaited.emplace(peer, clock::now() + limit);
    // lose_late() looks at the clock.
    self_->request(node.worker, caf::infinite, orders_for(peer))
        .then([this, peer = peer](const orders_done& done) { on_orders_done(peer, done); },
              [this, peer = peer, epoch](const caf::error& e) {
                on_no_answer(peer, epoch, caf::to_string(e));
              });
  }
}

node_orders cluster_supervisor_state::orders_for(peer_id node) {
  node_orders orders;
  const cluster_plan& plan = move_->plan;
  orders.epoch = plan.epoch;
  orders.prepare = move_->prepare;
  orders.batcher = w_.port->self();
  orders.kv_pages = pages_;
  const auto add = [&](peer_address p) {
    p.nonce = nonce_of(node, p.peer);
    p.protocol = data_protocol(node, p.peer);
    orders.peers.push_back(introduce(p));
  };
  add({w_.port->self(), w_.port->address(), 0});
  for (const auto& [peer, entry] : nodes_)
    if (peer != node) add(entry.address);
  for (std::size_t i = 0; i < plan.stages.size(); ++i) {
    const stage_home& s = plan.stages[i];
    if (!holds(s, node)) continue;
    orders.stages.push_back({s.layers.first, s.layers.last, s.primary == node, s.primary,
                             i + 1 < plan.stages.size() ? plan.stages[i + 1].primary : 0,
                             s.buddies});
  }
  order_experts(plan, orders);
  return orders;
}

void cluster_supervisor_state::await_longer(peer_id node) {
  if (!move_ || !move_->prepare) return;
  if (const auto late = move_->awaited.find(node); late != move_->awaited.end())
    late->second = clock::now() + prepare_deadline;
}

void cluster_supervisor_state::lose_late(clock::time_point now) {
  std::vector<peer_id> late;
  if (move_)
    for (const auto& [peer, until] : move_->awaited)
      if (now > until) late.push_back(peer);
  for (const peer_id peer : late) on_lost(peer, "it did not carry out its orders in time");
}

void cluster_supervisor_state::on_no_answer(peer_id node, epoch_number epoch,
                                            const std::string& why) {
  if (move_ && move_->plan.epoch == epoch) on_lost(node, "no answer to its orders: " + why);
}

void cluster_supervisor_state::on_orders_done(peer_id node, const orders_done& done) {
  if (!move_ || move_->plan.epoch != done.epoch || move_->awaited.erase(node) == 0) return;
  if (!done.failure.empty()) {
    members_->note(clock::now(), fmt::format("{} could not do its part in epoch {}: {}",
                                             name_of(node), show_epoch(done.epoch), done.failure));
    return on_lost(node, done.failure);
  }
  move_->taken_over.insert(move_->taken_over.end(), done.taken_over.begin(), done.taken_over.end());
  if (!move_->awaited.empty()) return;
  if (move_->prepare) {
    move_->prepare = false;
    return send_orders();
  }
  commit();
}

void cluster_supervisor_state::commit() {
  const auto now = clock::now();
  const bool first = group_ == nullptr;
  for (const stage_home& s : move_->plan.stages) {
    const stage_home* before = plan_ ? same_stage(*plan_, s) : nullptr;
    // Another primary begins logs of its own: nobody has all of them yet.
    std::erase_if(synced_, [&](const auto& synced) {
      return synced.first == s.layers.first &&
             (before == nullptr || before->primary != s.primary || !holds(s, synced.second));
    });
  }
  for (auto& [peer, node] : nodes_) {
    (void)members_->ready(peer, now);
    // What it was getting when newer orders came is not got any more.
    if (node.weights && node.weights->got < node.weights->wanted) node.weights.reset();
  }
  plan_ = move_->plan;
  for (const stage_home& s : plan_->stages)
    for (const peer_id buddy : s.buddies)
      if (move_->synced.contains({s.layers.first, buddy})) synced_.emplace(s.layers.first, buddy);
  serving_ = true;
  const std::string shards =
      experts_apart() ? fmt::format(" and {} expert shards", plan_->shards.size()) : std::string();
  members_->note(now, fmt::format("epoch {}: {} stages{} on {} nodes", show_epoch(plan_->epoch),
                                  plan_->stages.size(), shards, nodes_.size()));
  if (first) move_->taken_over.clear();
  hand_to_batcher();
  move_.reset();
  publish();
}

std::uint32_t cluster_supervisor_state::steps_under_way() const {
  // The workers of this process take turns, each on all processors of this machine.
  const std::string here = host_name();
  const std::uint32_t processors = usable_processors();
  const bool turns = w_.cluster.workers > 1;
  std::vector<stage_place> places;
  for (const stage_home& s : plan_->stages) {
    const member* m = members_->find(s.primary);
    if (m == nullptr) continue;
    const std::string& host = m->info.host;
    places.push_back({s.primary, host, turns && host == here ? processors : m->info.threads});
  }
  return steps_at_once(places, here, processors);
}

void cluster_supervisor_state::hand_to_batcher() {
  serving_group group;
  std::vector<remote_group::stage> stages;
  group.plan.epoch = plan_->epoch;
  bool replicated = true;
  for (const stage_home& s : plan_->stages) {
    stages.push_back({s.layers, s.primary});
    group.plan.stages.push_back(s.layers);
    replicated = replicated && !s.buddies.empty();
  }
  // The former stand-ins end only once the batcher has new ones.
  const auto former =
      std::exchange(group_, std::make_shared<remote_group>(self_->system(), w_.port, stages));
  w_.port->route(frames::cache_reply,
                 [group = group_](incoming_frame&& frame) { group->take_cache_reply(frame); });
  group.stages = group_->stages();
  group.caches = group_->caches();
  batch_limits& limits = group.limits;
  limits.step_rows = w_.engine.step_rows;
  limits.prefill_chunk = w_.engine.prefill_chunk;
  limits.prefill_beside = w_.engine.prefill_beside;
  limits.max_sequences = w_.engine.max_sequences;
  limits.max_waiting = w_.engine.max_waiting;
  limits.page_size = w_.engine.page_size;
  limits.pages = pages_;
  limits.context = w_.engine.context;
  limits.in_flight = steps_under_way();
  take_cache_limits(limits, w_.engine, w_.model);
  limits.replicated = replicated;
  limits.speculation = {w_.engine.speculation.max_draft, w_.engine.speculation.rows};
  group.speculation = w_.engine.speculation.mode;
  for (const stage_heritage& h : move_->taken_over) {
    if (!group.kept) group.kept.emplace(h.whole ? std::optional(h.applied) : std::nullopt);
    auto& kept = *group.kept;
    kept = kept && h.whole ? std::optional(std::min(*kept, h.applied)) : std::nullopt;
  }
  group.watch = cluster_supervisor_actor(self_);
  self_->send(w_.batcher, std::move(group));
}

void cluster_supervisor_state::let_go_drained() {
  std::vector<peer_id> leaving;
  for (const node_capacity& n : capacities()) {
    if (n.draining && duties_of(*plan_, n.node).empty()) leaving.push_back(n.node);
  }
  // It is cut off once it knows why: it would look for a supervisor otherwise, and join again.
  for (const peer_id peer : leaving) {
    if (!let_go_.insert(peer).second) continue;
    const auto over = [this, peer] { on_lost(peer, {}); };  // which knows why
    self_->request(nodes_.at(peer).worker, farewell_deadline, leave_atom::value)
        .then(over, [over](const caf::error&) { over(); });
  }
}

}  // namespace troupe
