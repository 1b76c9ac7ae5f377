// Gateways of a cluster: they join, are told that the supervisor lives, and go.
#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <utility>

#include "actors/cluster/cluster_supervisor.hpp"
#include "actors/cluster/member_process.hpp"
#include "runtime/base/printable.hpp"

namespace troupe {
namespace {

constexpr auto tell_again_after = std::chrono::seconds(1);

gateway_welcome refused(std::string why) {
  gateway_welcome w;
  w.refusal = std::move(why);
  return w;
}

}  // namespace

gateway_welcome cluster_supervisor_state::on_gateway_hello(const gateway_hello& hello) const {
  const auto terms = terms_with("gateway", hello.version, hello.speaks);
  if (!terms) return refused(terms.error().message());
  gateway_welcome w;
  w.terms = *terms;
  w.model_path = w_.model_path;
  w.model_identity = w_.identity.model;
  w.context = w_.engine.context;
  w.max_open = w_.engine.max_waiting + w_.engine.max_sequences;
  w.heartbeat_ms = w_.cluster.heartbeat_ms();
  w.gone_after_ms = w_.cluster.gone_after_ms;
  return w;
}

gateway_welcome cluster_supervisor_state::on_gateway_join(const gateway_hello& hello) {
  gateway_welcome answer = on_gateway_hello(hello);
  if (!answer.refusal.empty()) return answer;
  if (hello.model != w_.identity.model) {
    return refused(fmt::format("the gateway has another model (digest {:.12}, not {:.12})",
                               hello.model, w_.identity.model));
  }
  if (nodes_.contains(hello.peer)) return refused("its peer id is that of a node");
  const auto now = clock::now();
  // It comes back before its loss was noticed: nothing of the old connection is used again.
  if (gateways_.contains(hello.peer)) lose_gateway(hello.peer, "it joins anew");
  gateways_[hello.peer] = {hello.name,
                           address_of({hello.peer, hello.data_address, 0, answer.terms.data})};
  detector_.watch(hello.peer, now);
  connect();
  answer.supervisor = introduce({w_.port->self(), w_.port->address(),
                                 nonce_of(w_.port->self(), hello.peer), answer.terms.data});
  spdlog::info("{} joins: troupe {}, control {}, data {}", printable(hello.name), hello.version,
               answer.terms.control, answer.terms.data);
  told_sharers_ = 0;  // it has not heard yet
  members_->note(now, fmt::format("gateway {} has joined ({})", hello.name, hello.url));
  publish();
  return answer;
}

void cluster_supervisor_state::lose_gateway(peer_id peer, const std::string& why) {
  const auto known = gateways_.find(peer);
  spdlog::warn("gateway {} is gone: {}", known->second.name, why);
  members_->note(clock::now(), fmt::format("gateway {} is gone: {}", known->second.name, why));
  gateways_.erase(known);
  cut_off(peer);
  self_->send(w_.keeper, gateway_lost{peer});
  publish();
}

std::uint32_t cluster_supervisor_state::sharers() const {
  return static_cast<std::uint32_t>(gateways_.size()) + (w_.exchange->shares() ? 1 : 0);
}

void cluster_supervisor_state::tell_gateways(peer_id but, const std::vector<key_taken>& taken) {
  std::vector<peer_id> to;
  for (const auto& [peer, gateway] : gateways_)
    if (peer != but) to.push_back(peer);
  if (!to.empty()) send_key_use(*w_.port, to, sharers(), taken);
}

void cluster_supervisor_state::on_key_use(const arrived_key_use& arrived) {
  if (!gateways_.contains(arrived.from)) return;
  w_.exchange->add(arrived.news.taken);
  tell_gateways(arrived.from, arrived.news.taken);
}

void cluster_supervisor_state::tell_key_use() {
  const std::vector<key_taken> taken = w_.exchange->take();
  const std::uint32_t sharing = sharers();
  const auto now = clock::now();
  if (taken.empty() && sharing == told_sharers_ && now < tell_again_) return;
  told_sharers_ = sharing;
  tell_again_ = now + tell_again_after;
  tell_gateways(0, taken);
}

void cluster_supervisor_state::beat() {
  const auto now = clock::now();
  if (now < next_beat_) return;
  next_beat_ = now + std::chrono::milliseconds(w_.cluster.heartbeat_ms());
  for (const auto& [peer, gateway] : gateways_) send_ping(*w_.port, peer);
  for (const auto& [peer, node] : nodes_) send_ping(*w_.port, peer);
}

}  // namespace troupe
