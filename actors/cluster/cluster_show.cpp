// What people and scripts see of the cluster.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "actors/cluster/cluster_supervisor.hpp"

namespace troupe {

namespace {

/// What a node holds of experts that live apart from their stages.
void show_experts(const cluster_plan& plan, cluster_view::node& n) {
  if (plan.experts != expert_home::apart) return;
  for (std::size_t i = 0; i < plan.shards.size(); ++i) {
    const shard_home& s = plan.shards[i];
    const auto at = std::ranges::find(s.replicas, n.peer);
    if (at == s.replicas.end()) continue;
    std::uint32_t experts = 0;
    for (const expert_range& r : s.owned) experts += r.count;
    n.holds.push_back(at == s.replicas.begin()
                          ? fmt::format("expert shard {} ({} experts)", i, experts)
                          : fmt::format("replica of expert shard {}", i));
  }
  const auto hot = std::ranges::count_if(plan.hot, [&](const hot_expert& h) {
    return std::ranges::find(h.copies, n.peer) != h.copies.end();
  });
  if (hot > 0) n.holds.push_back(fmt::format("copies of {} hot experts", hot));
}

}  // namespace

cluster_view cluster_board::read() const {
  const std::lock_guard lock(mutex_);
  cluster_view now = view_;
  const std::chrono::duration<double> age = std::chrono::steady_clock::now() - published_;
  for (cluster_view::event& e : now.events) e.seconds_ago += age.count();
  now.scaling = scaling_;
  return now;
}

void cluster_board::publish(cluster_view view) {
  const std::lock_guard lock(mutex_);
  view_ = std::move(view);
  std::map<peer_id, node_traffic> there;
  for (const cluster_view::node& n : view_.nodes)
    if (n.state != "gone") there[n.peer] = std::move(traffic_[n.peer]);
  traffic_ = std::move(there);
  published_ = std::chrono::steady_clock::now();
}

std::map<peer_id, node_traffic> cluster_board::traffic() const {
  const std::lock_guard lock(mutex_);
  return traffic_;
}

void cluster_board::note_traffic(peer_id peer, node_traffic sent) {
  const std::lock_guard lock(mutex_);
  if (const auto known = traffic_.find(peer); known != traffic_.end())
    known->second = std::move(sent);
}

std::optional<error> cluster_board::obstacle() const {
  const std::lock_guard lock(mutex_);
  return obstacle_;
}

void cluster_board::set_obstacle(std::optional<error> why) {
  const std::lock_guard lock(mutex_);
  obstacle_ = std::move(why);
}

void cluster_board::set_scaling(cluster_view::scaling_state now) {
  const std::lock_guard lock(mutex_);
  scaling_ = std::move(now);
}

void cluster_supervisor_state::on_note(const std::string& text) {
  members_->note(clock::now(), text);
  publish();
}

bool cluster_supervisor_state::is_redundant() const {
  if (!plan_ || !serving_) return false;
  const bool shards =
      !experts_apart() || std::ranges::all_of(plan_->shards, [&](const shard_home& s) {
        return s.replicas.size() >= plan_->redundancy;
      });
  return shards && std::ranges::all_of(plan_->stages, [&](const stage_home& s) {
           return s.buddies.size() + 1 >= plan_->redundancy &&
                  std::ranges::all_of(s.buddies, [&](peer_id buddy) {
                    return synced_.contains({s.layers.first, buddy});
                  });
         });
}

void cluster_supervisor_state::publish() {
  const auto now = clock::now();
  cluster_view v;
  v.epoch = plan_ ? plan_->epoch : 0;
  v.serving = serving_;
  v.redundancy = w_.cluster.redundancy;
  v.redundant = is_redundant();
  for (const member& m : members_->members()) {
    cluster_view::node n;
    n.name = m.info.name;
    n.peer = m.info.peer;
    n.host = m.info.host;
    n.pid = m.info.pid;
    n.state = to_string(m.state);
    n.kernel_target = m.info.kernel_target;
    n.threads = m.info.threads;
    n.memory_bytes = m.info.memory_bytes;
    for (std::size_t i = 0; plan_ && i < plan_->stages.size(); ++i) {
      const stage_home& s = plan_->stages[i];
      if (s.primary == n.peer)
        n.holds.push_back(
            fmt::format("stage {} (layers {}-{})", i, s.layers.first, s.layers.last - 1));
      if (std::ranges::find(s.buddies, n.peer) != s.buddies.end())
        n.holds.push_back(fmt::format("replica of stage {}", i));
    }
    if (plan_) show_experts(*plan_, n);
    if (const auto node = nodes_.find(m.info.peer); node != nodes_.end()) {
      n.expert_outputs = node->second.outputs;
      n.weights = node->second.weights;
    }
    v.nodes.push_back(std::move(n));
  }
  // Who is there comes first: a name that was taken over is the living one's.
  std::stable_partition(v.nodes.begin(), v.nodes.end(),
                        [](const cluster_view::node& n) { return n.state != "gone"; });
  if (plan_) {
    v.expert_shards = static_cast<std::uint32_t>(plan_->shards.size());
    for (const stage_home& s : plan_->stages) {
      cluster_view::stage shown{
          s.layers.first, s.layers.last, s.primary == no_peer ? "" : name_of(s.primary), {}};
      for (const peer_id buddy : s.buddies)
        shown.buddies.push_back({name_of(buddy), synced_.contains({s.layers.first, buddy})});
      v.stages.push_back(std::move(shown));
    }
  }
  for (const cluster_event& e : members_->events())
    v.events.push_back({std::chrono::duration<double>(now - e.at).count(), e.text});
  w_.board->publish(std::move(v));
  w_.health->set_healthy(serving_);
}

}  // namespace troupe
