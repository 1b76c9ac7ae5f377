#include "cluster/expert_routes.hpp"

#include <algorithm>
#include <tuple>
#include <utility>

namespace troupe {

void expert_routes::begin_epoch(epoch_number epoch, std::vector<shard_route> shards) {
  epoch_ = epoch;
  shards_ = std::move(shards);
  tasks_.clear();
  std::unordered_map<peer_id, node_record> named;
  for (const shard_route& s : shards_) {
    for (const peer_id node : s.replicas) {
      const auto known = nodes_.find(node);
      if (known != nodes_.end()) named.insert(*known);
      named[node].rows = 0;
    }
  }
  nodes_ = std::move(named);
}

result<expert_send> expert_routes::dispatch(const expert_task& task, std::uint32_t rows,
                                            time_point now) {
  if (task.shard >= shards_.size())
    return fail(errc::not_found, "epoch {} has no expert shard {}", epoch_, task.shard);
  if (tasks_.contains(task))
    return fail(errc::already_exists, "step {}, layer {}: shard {} has been asked", task.step,
                task.layer, task.shard);
  if (tasks_.size() >= limits_.outstanding)
    return fail(errc::exhausted, "{} tasks of experts are outstanding", tasks_.size());
  task_record record{rows, {}, now};
  const auto node = choose(task, record, now);
  if (!node) return fail(errc::unavailable, "no node is left that serves shard {}", task.shard);
  return send(task, tasks_.emplace(task, std::move(record)).first->second, *node, now);
}

expert_routes::duration expert_routes::doubled(duration first, std::uint32_t times) const {
  const duration most = std::max(limits_.deadline.ceiling, limits_.deadline.floor);
  return std::min(most, first * (1U << std::min(times, 16U)));
}

std::optional<peer_id> expert_routes::choose(const expert_task& task, const task_record& record,
                                             time_point now) const {
  const shard_route& route = shards_[task.shard];
  // Suspect ones only where all are; then those that this task has not been at yet.
  const auto badness = [&](peer_id id) {
    const node_record& n = nodes_.at(id);
    const auto tries = std::ranges::count(record.attempts, id, &attempt_record::node);
    const bool distrusted = n.distrusted_until && now < *n.distrusted_until;
    return std::tuple(n.state == standing::suspect, tries, distrusted, n.rows,
                      route.spread ? n.turn : 0);
  };
  std::optional<peer_id> best;
  for (const peer_id id : route.replicas) {
    if (nodes_.at(id).state == standing::gone) continue;
    if (!best || badness(id) < badness(*best)) best = id;
  }
  return best;
}

expert_send expert_routes::send(const expert_task& task, task_record& record, peer_id node,
                                time_point now) {
  const auto attempt = static_cast<std::uint32_t>(record.attempts.size());
  record.attempts.push_back({node, now, true});
  record.deadline = now + doubled(times_.allowed(record.rows), attempt);
  node_record& n = nodes_.at(node);
  n.rows += record.rows;
  n.turn = ++turns_;
  ++counts_.sent;
  if (attempt > 0) ++counts_.resent;
  return {task, attempt, node};
}

void expert_routes::send_or_fail(task_map::iterator at, time_point now, route_changes& out) {
  auto& [task, record] = *at;
  const auto node = record.attempts.size() < limits_.attempts ? choose(task, record, now)
                                                              : std::optional<peer_id>();
  if (node) {
    out.sends.push_back(send(task, record, *node, now));
    return;
  }
  out.failed.push_back(task);
  ++counts_.failed;
  erase(at);
}

bool expert_routes::expects(epoch_number epoch, const expert_task& task, std::uint32_t attempt,
                            peer_id from) {
  if (epoch != epoch_) {
    ++counts_.stale;
    return false;
  }
  const auto node = nodes_.find(from);
  const auto at = tasks_.find(task);
  if (at == tasks_.end()) {
    ++counts_.late;
    if (node != nodes_.end()) node->second.distrusted_until.reset();
    return false;
  }
  const std::vector<attempt_record>& attempts = at->second.attempts;
  if (attempt >= attempts.size() || attempts[attempt].node != from) {
    ++counts_.strange;
    return false;
  }
  node->second.distrusted_until.reset();
  return true;
}

void expert_routes::on_answer(const expert_task& task, std::uint32_t attempt, time_point now) {
  const auto at = tasks_.find(task);
  if (at == tasks_.end() || attempt >= at->second.attempts.size()) return;
  times_.observe(at->second.rows, now - at->second.attempts[attempt].sent);
  erase(at);
}

route_changes expert_routes::on_refusal(const expert_task& task, std::uint32_t attempt,
                                        time_point now) {
  route_changes out;
  const auto at = tasks_.find(task);
  if (at == tasks_.end() || attempt >= at->second.attempts.size()) return out;
  task_record& record = at->second;
  if (!record.attempts[attempt].waiting) return out;
  ++counts_.refused;
  stop_waiting(record, record.attempts[attempt]);
  if (any_waiting(record, standing::suspect)) return out;
  const auto next = choose(task, record, now);
  const bool again = next && std::ranges::find(record.attempts, *next, &attempt_record::node) !=
                                 record.attempts.end();
  if (again) {
    record.deadline = now + doubled(limits_.refusal_pause,
                                    static_cast<std::uint32_t>(record.attempts.size()) - 1);
  } else {
    send_or_fail(at, now, out);
  }
  return out;
}

route_changes expert_routes::on_node(peer_id node, standing state, time_point now) {
  route_changes out;
  const auto known = nodes_.find(node);
  if (known == nodes_.end()) return out;
  known->second.state = state;
  if (state == standing::up) {
    known->second.distrusted_until.reset();
    return out;
  }
  for (auto at = tasks_.begin(); at != tasks_.end();) {
    const auto here = at++;
    task_record& record = here->second;
    bool touched = false;
    for (attempt_record& a : record.attempts) {
      if (a.node != node || !a.waiting) continue;
      touched = true;
      if (state == standing::gone) stop_waiting(record, a);
    }
    if (!touched || any_waiting(record, standing::up)) continue;
    if (state == standing::suspect || any_waiting(record, standing::suspect)) {
      // An answer may still come: only a better node is worth another attempt now.
      const auto better = choose(here->first, record, now);
      if (!better || nodes_.at(*better).state != standing::up ||
          record.attempts.size() >= limits_.attempts)
        continue;
    }
    send_or_fail(here, now, out);
  }
  return out;
}

route_changes expert_routes::tick(time_point now) {
  route_changes out;
  for (auto at = tasks_.begin(); at != tasks_.end();) {
    const auto here = at++;
    task_record& record = here->second;
    if (now < record.deadline) continue;
    if (const attempt_record& last = record.attempts.back(); last.waiting)
      nodes_.at(last.node).distrusted_until = now + limits_.distrust;
    send_or_fail(here, now, out);
  }
  return out;
}

std::optional<expert_routes::time_point> expert_routes::next_deadline() const {
  std::optional<time_point> first;
  for (const auto& [task, record] : tasks_)
    if (!first || record.deadline < *first) first = record.deadline;
  return first;
}

void expert_routes::forget(step_id step) {
  for (auto at = tasks_.lower_bound({step, 0, 0}); at != tasks_.end() && at->first.step == step;)
    erase(at++);
}

std::uint64_t expert_routes::outstanding_rows(peer_id node) const {
  const auto at = nodes_.find(node);
  return at == nodes_.end() ? 0 : at->second.rows;
}

bool expert_routes::any_waiting(const task_record& record, standing at_worst) const {
  return std::ranges::any_of(record.attempts, [&](const attempt_record& a) {
    return a.waiting && nodes_.at(a.node).state <= at_worst;
  });
}

void expert_routes::stop_waiting(const task_record& record, attempt_record& attempt) {
  if (!attempt.waiting) return;
  attempt.waiting = false;
  nodes_.at(attempt.node).rows -= record.rows;
}

void expert_routes::erase(task_map::iterator at) {
  for (attempt_record& a : at->second.attempts) stop_waiting(at->second, a);
  tasks_.erase(at);
}

}  // namespace troupe
