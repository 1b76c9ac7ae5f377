#include "cluster/remote_experts.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <deque>
#include <iterator>
#include <utility>

namespace troupe {

remote_experts::remote_experts(expert_dispatch dispatch, expert_routes routes, send_function send)
    : dispatch_(std::move(dispatch)), routes_(std::move(routes)), send_(std::move(send)) {}

void remote_experts::begin_epoch(epoch_number epoch, std::vector<shard_route> shards) {
  dispatch_.abandon();
  routes_.begin_epoch(epoch, std::move(shards));
  state_ = progress::complete;
}

remote_experts::progress remote_experts::begin(const layer_step& at, const expert_call& call,
                                               std::span<const expert_holder> holders,
                                               time_point now) {
  routes_.forget(at_.step);
  at_ = at;
  state_ = progress::waiting;
  if (at.epoch != routes_.epoch())
    return fail_layer({errc::stale_epoch, "a step of another epoch than the experts' placement"});
  if (auto begun = dispatch_.begin(at, call, holders); !begun)
    return fail_layer(std::move(begun.error()));
  route_changes first;
  for (const expert_dispatch::asked_shard& asked : dispatch_.asked()) {
    auto sent = routes_.dispatch({at.step, at.layer, asked.shard}, asked.rows, now);
    if (!sent) return fail_layer(std::move(sent.error()));
    first.sends.push_back(*sent);
  }
  return follow(std::move(first), now);
}

remote_experts::progress remote_experts::follow(route_changes changes, time_point now) {
  // A message that is not taken calls for another, at most as often as a task has attempts.
  std::deque<expert_send> sends(changes.sends.begin(), changes.sends.end());
  std::vector<expert_task> failed = std::move(changes.failed);
  for (; !sends.empty() && failed.empty(); sends.pop_front()) {
    const expert_send& s = sends.front();
    auto message = dispatch_.request(s.task.shard, s.attempt);
    if (!message) return fail_layer(std::move(message.error()));
    if (send_(s.node, std::move(*message))) continue;
    route_changes more = routes_.on_refusal(s.task, s.attempt, now);
    std::ranges::move(more.sends, std::back_inserter(sends));
    std::ranges::move(more.failed, std::back_inserter(failed));
  }
  if (!failed.empty()) {
    const expert_task& t = failed.front();
    return fail_layer({errc::unavailable, fmt::format("layer {}: no node answers for experts' "
                                                      "shard {}",
                                                      t.layer, t.shard)});
  }
  if (state_ == progress::waiting && dispatch_.complete()) state_ = progress::complete;
  return state_;
}

void remote_experts::abandon() {
  dispatch_.abandon();
  routes_.forget(at_.step);
  state_ = progress::complete;
}

remote_experts::progress remote_experts::fail_layer(error why) {
  dispatch_.abandon();
  routes_.forget(at_.step);
  why_ = std::move(why);
  state_ = progress::failed;
  return state_;
}

remote_experts::progress remote_experts::on_outputs(peer_id from,
                                                    const expert_outputs_header& header,
                                                    std::span<const std::byte> payload,
                                                    time_point now) {
  const expert_task task{header.step, header.layer, header.shard};
  if (!routes_.expects(header.epoch, task, header.attempt, from)) return state_;
  const auto verdict = dispatch_.take(header, payload);
  if (!verdict || *verdict == outputs_verdict::refused)
    return follow(routes_.on_refusal(task, header.attempt, now), now);
  routes_.on_answer(task, header.attempt, now);
  return follow({}, now);
}

remote_experts::progress remote_experts::on_node(peer_id node, expert_routes::standing state,
                                                 time_point now) {
  return follow(routes_.on_node(node, state, now), now);
}

remote_experts::progress remote_experts::tick(time_point now) {
  return follow(routes_.tick(now), now);
}

}  // namespace troupe
