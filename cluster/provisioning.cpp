#include "cluster/provisioning.hpp"

#include <algorithm>
#include <tuple>
#include <utility>

#include "cluster/placement_ledger.hpp"

namespace troupe {

std::vector<std::string> provider_arguments(const provider_call& call, std::string_view join) {
  if (call.what == provider_call::action::stop) return {"stop", "--name", call.node};
  return {"start", "--name", call.node, "--join", std::string(join)};
}

peer_id choose_leaver(const cluster_plan& plan, const model_sizes& sizes,
                      std::span<const node_capacity> nodes) {
  const std::vector<placement_unit> units = units_of(plan, sizes);
  const placement_ledger ledger(nodes);
  peer_id best = no_peer;
  std::tuple<bool, std::size_t, double> best_rank;
  for (const node_capacity* n : ledger.nodes()) {
    if (n->suspect) continue;
    std::size_t held = 0;
    double led = 0;
    for (const placement_unit& u : units) {
      if (!u.is_on(n->node)) continue;
      held += u.bytes();
      if (u.copies.front() == n->node) led += u.cost;
    }
    const std::tuple rank(!n->draining, held, led);
    if (best != no_peer && rank >= best_rank) continue;
    best = n->node;
    best_rank = rank;
  }
  return best;
}

provisioning::provisioning(std::string name_prefix, limits l)
    : prefix_(std::move(name_prefix)), limits_(l) {}

std::vector<provider_call> provisioning::ask(std::uint32_t present, std::uint32_t wanted,
                                             time_point now) {
  std::vector<provider_call> calls;
  if (rest_until_ && now < *rest_until_) return calls;
  while (present + on_their_way() < wanted && on_their_way() < limits_.at_once) {
    std::string name = fmt::format("{}{}", prefix_, next_++);
    asked_.emplace(name, now + limits_.start_deadline);
    calls.push_back({provider_call::action::start, std::move(name)});
  }
  return calls;
}

void provisioning::joined(std::string_view node) {
  const auto at = asked_.find(node);
  if (at == asked_.end()) return;
  asked_.erase(at);
  failures_ = 0;
  rest_until_.reset();
}

void provisioning::rest(time_point now) {
  duration wait = limits_.first_wait;
  for (std::uint32_t i = 0; i < failures_ && wait < limits_.longest_wait; ++i) wait *= 2;
  ++failures_;
  rest_until_ = now + std::min(wait, limits_.longest_wait);
}

void provisioning::failed(std::string_view node, time_point now) {
  const auto at = asked_.find(node);
  if (at == asked_.end()) return;
  asked_.erase(at);
  rest(now);
}

std::vector<provider_call> provisioning::tick(time_point now) {
  std::vector<provider_call> calls;
  for (const auto& [name, deadline] : asked_) {
    if (now >= deadline) calls.push_back({provider_call::action::stop, name});
  }
  for (const provider_call& c : calls) asked_.erase(c.node);
  if (!calls.empty()) rest(now);
  return calls;
}

}  // namespace troupe
