#include "cluster/scaling_control.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace troupe {
namespace {

using kind = scaling_order::kind;

/// Throughput is that of so long: a step's tokens come at once.
constexpr std::chrono::seconds window{10};
constexpr std::size_t most_samples = 256;

double seconds(autoscaler::duration d) { return std::chrono::duration<double>(d).count(); }

std::string nodes(std::uint32_t count) {
  return fmt::format("{} {}", count, count == 1 ? "node" : "nodes");
}

}  // namespace

bool scaling_control::is_leaving(peer_id peer) const {
  return std::ranges::any_of(leaving_, [peer](const leaving_node& l) { return l.peer == peer; });
}

void scaling_control::measure(time_point now, const scaling_sample& sample) {
  // A counter that went back is another leader's.
  if (!tokens_.empty() && sample.tokens < tokens_.back().second) tokens_.clear();
  tokens_.emplace_back(now, sample.tokens);
  while (tokens_.size() > 2 && (tokens_[1].first + window <= now || tokens_.size() > most_samples))
    tokens_.pop_front();
  const double passed = seconds(now - tokens_.front().first);
  const auto drawn = static_cast<double>(sample.tokens - tokens_.front().second);
  state_.queued = sample.queued.count();
  state_.kv_use = sample.kv_use;
  state_.tokens_per_second = passed > 0 ? drawn / passed : 0;
  state_.least = limits_.policy.least;
  state_.most = limits_.policy.most;
}

/// Nodes for the policy: those that are there, are on their way, or have not quite left.
load_sample scaling_control::load_of(time_point now, const scaling_sample& sample) {
  load_sample load;
  std::uint32_t leaving = 0;
  std::uint32_t there = 0;
  for (const scaling_node& n : sample.nodes) {
    if (is_leaving(n.peer)) {
      leaving += std::ranges::find(leaving_, n.peer, &leaving_node::peer)->late ? 0 : 1;
    } else if (!n.draining) {  // what a person drains is not there any more
      ++there;
      load.serving += n.up ? 1 : 0;
    }
  }
  note_lost(now, there);
  const auto expected = there + static_cast<std::uint32_t>(returning_.size());
  state_.wanted = std::max(expected, awaited_.empty() ? 0U : awaited_.back().target);
  if (ordered_.what == kind::grow)
    state_.wanted = std::max(state_.wanted, grown_from_ + ordered_.count);
  load.nodes = state_.wanted + leaving;
  load.queued = sample.queued;
  load.kv_use = sample.kv_use;
  load.tokens_per_second = state_.tokens_per_second;
  return load;
}

/// A process that ended is mostly started again, by whoever started it first.
void scaling_control::note_lost(time_point now, std::uint32_t there) {
  for (; there_ < there; ++there_)
    if (!returning_.empty()) returning_.pop_front();
  for (; there_ > there; --there_) returning_.push_back(now + limits_.return_within);
  while (!returning_.empty() && now >= returning_.front()) returning_.pop_front();
}

void scaling_control::await_nodes(time_point now) {
  bool arrived = false;
  for (; !awaited_.empty() && there_ >= awaited_.front().target; awaited_.pop_front())
    arrived = true;
  if (arrived) {
    say(fmt::format("autoscaling: there are {} now", nodes(there_)));
    pause_ = {};
  }
  if (awaited_.empty() || now < awaited_.front().by) return;
  const std::uint32_t missing = awaited_.front().target - there_;
  awaited_.pop_front();
  for (awaited_nodes& later : awaited_) later.target -= missing;
  fail_for_now(now, fmt::format("{} asked for did not join within {:.0f} s", nodes(missing),
                                seconds(limits_.join_within)));
}

/// Somebody may start one again before it has given everything away: it joins as another peer.
void scaling_control::let_stay(const scaling_sample& sample) {
  std::erase_if(leaving_, [&](const leaving_node& l) {
    const bool back = std::ranges::any_of(sample.nodes, [&](const scaling_node& n) {
      return n.name == l.name && n.host == l.host && n.peer != l.peer;
    });
    if (back)
      say(fmt::format("autoscaling: {} ended while it was drained; it is back, and stays", l.name));
    return back;
  });
}

std::optional<scaling_order> scaling_control::take_away(time_point now,
                                                        const scaling_sample& sample) {
  let_stay(sample);
  for (auto l = leaving_.begin(); l != leaving_.end(); ++l) {
    const bool there =
        std::ranges::any_of(sample.nodes, [&](const scaling_node& n) { return n.peer == l->peer; });
    if (!there) {
      scaling_order order{kind::shrink, 0, l->name, l->host};
      leaving_.erase(l);
      return order;
    }
    if (!l->late && now >= l->since + limits_.drain_within) {
      l->late = true;
      fail_for_now(now, fmt::format("{} has not been drained within {:.0f} s", l->name,
                                    seconds(limits_.drain_within)));
    }
  }
  return std::nullopt;
}

scaling_order scaling_control::observe(time_point now, const scaling_sample& sample) {
  if (!began_) began_ = now;
  served_ = served_ || sample.serving;
  measure(now, sample);
  load_sample load = load_of(now, sample);
  await_nodes(now);
  if (ordered_.what != kind::nothing) {
    policy_.watch(now, load);
    return {};
  }
  if (auto order = take_away(now, sample)) {
    state_.doing = "taking away " + order->node;
    policy_.watch(now, load);
    return ordered_ = std::move(*order);
  }
  if (!served_ && now < *began_ + limits_.settle) {
    state_.doing = "waiting for the nodes that there are";
    return {};
  }
  if (not_before_ && now < *not_before_) {
    policy_.watch(now, load);
    return {};
  }
  load = load_of(now, sample);  // what was awaited, or drained, may have been given up
  return carry_out(now, policy_.observe(now, load), load.nodes, sample);
}

scaling_order scaling_control::carry_out(time_point now, const scale_decision& decision,
                                         std::uint32_t counted, const scaling_sample& sample) {
  state_.doing = decision.reason;
  if (decision.what == scale_action::up) {
    const std::uint32_t more = decision.nodes - counted;
    say(fmt::format("autoscaling: asking for {} more: {}", nodes(more), decision.reason));
    state_.doing = fmt::format("asking for {}", nodes(more));
    grown_from_ = state_.wanted;
    state_.wanted += more;
    return ordered_ = {kind::grow, more, {}, {}};
  }
  if (decision.what == scale_action::down) {
    // The youngest: it has been of use for the shortest time.
    const auto last =
        std::find_if(sample.nodes.rbegin(), sample.nodes.rend(), [&](const scaling_node& n) {
          return n.removable && n.up && !n.draining && !is_leaving(n.peer);
        });
    if (last == sample.nodes.rend()) {
      fail_for_now(now, "no node can be taken away: " + decision.reason);
      return {};
    }
    say(fmt::format("autoscaling: draining {}: {}", last->name, decision.reason));
    state_.doing = "draining " + last->name;
    to_drain_ = {last->peer, last->name, last->host, now, false};
    return ordered_ = {kind::drain, 0, last->name, last->host};
  }
  return {};
}

void scaling_control::done(time_point now, const result<void>& outcome) {
  const scaling_order order = std::exchange(ordered_, {});
  switch (order.what) {
    case kind::grow:
      if (!outcome)
        return fail_for_now(now, fmt::format("{} could not be had: {}", nodes(order.count),
                                             outcome.error().message()));
      state_.added += order.count;
      awaited_.push_back({grown_from_ + order.count, now + limits_.join_within});
      break;
    case kind::drain:
      if (!outcome)
        return fail_for_now(
            now, fmt::format("{} cannot be drained: {}", order.node, outcome.error().message()));
      awaited_.clear();
      there_ -= there_ > 0 ? 1 : 0;  // it is not lost
      to_drain_.since = now;
      leaving_.push_back(std::move(to_drain_));
      break;
    case kind::shrink:
      // It serves no more either way.
      ++state_.removed;
      if (!outcome)
        return fail_for_now(now, fmt::format("{} could not be taken away: {}", order.node,
                                             outcome.error().message()));
      pause_ = {};
      say(fmt::format("autoscaling: {} has been taken away", order.node));
      break;
    case kind::nothing:
      break;
  }
}

void scaling_control::fail_for_now(time_point now, const std::string& what) {
  ++state_.failures;
  pause_ = pause_ == duration{} ? limits_.first_pause : std::min(pause_ * 2, limits_.most_pause);
  not_before_ = now + pause_;
  state_.doing = fmt::format("{}; nothing is asked for within {:.0f} s", what, seconds(pause_));
  say("autoscaling: " + state_.doing);
}

}  // namespace troupe
