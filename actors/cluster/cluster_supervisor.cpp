#include "actors/cluster/cluster_supervisor.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <random>
#include <utility>

#include "cluster/versions.hpp"
#include "runtime/base/printable.hpp"
#include "runtime/wire/expert_frames.hpp"
#include "runtime/wire/frames.hpp"

namespace troupe {
namespace {

constexpr auto tick_period = std::chrono::milliseconds(20);
/// For what arrived while this process was frozen or starved to be read, before anybody is judged.
constexpr auto settle_period = std::chrono::milliseconds(125);
/// From a node's joining until what has come is taken for all that comes soon.
constexpr auto held_patience = std::chrono::milliseconds(150);
/// The same where to go on without a node is to load anew.
constexpr auto return_patience = std::chrono::seconds(2);

failure_detector::limits limits_of(const cluster_config& config) {
  failure_detector::limits l;
  l.interval = std::max(settle_period, std::chrono::milliseconds(config.heartbeat_ms()));
  l.suspect_after = std::chrono::milliseconds(config.suspect_after_ms);
  l.gone_after = std::chrono::milliseconds(config.gone_after_ms);
  return l;
}

member_info info_of(const node_hello& hello) {
  member_info info;
  info.peer = hello.peer;
  info.name = hello.name;
  info.host = hello.host;
  info.pid = hello.pid;
  info.version = hello.version;
  info.model = hello.model;
  info.kernel_target = hello.kernel_target;
  info.memory_bytes = hello.memory_bytes;
  info.threads = hello.threads;
  return info;
}

node_welcome refused_node(std::string why) {
  node_welcome w;
  w.refusal = std::move(why);
  return w;
}

}  // namespace

void cluster_supervisor_state::start(cluster_supervisor_actor::pointer self,
                                     cluster_supervisor_wiring wiring) {
  self_ = self;
  w_ = std::move(wiring);
  members_.emplace(w_.identity);
  epoch_ = w_.first_epoch;
  detector_ = failure_detector(limits_of(w_.cluster));
  self_->set_down_handler([this](const caf::down_msg& down) {
    for (const auto& [peer, node] : nodes_) {
      if (down.source != node.worker.address()) continue;
      return on_lost(peer, "its control connection ended: " + caf::to_string(down.reason));
    }
  });
  self_->delayed_send(self_, tick_period, tick_atom::value);
  publish();
}

node_welcome cluster_supervisor_state::settings() const {
  node_welcome w;
  w.model_path = w_.model_path;
  w.model_identity = w_.identity.model;
  w.page_size = w_.engine.page_size;
  w.kv_type = static_cast<std::uint32_t>(w_.engine.kv);
  w.step_rows = w_.engine.step_rows;
  w.activations = arithmetic_of(w_.engine);
  w.prefix_cache = w_.engine.prefix_cache;
  w.pack_weights = w_.engine.pack_weights;
  w.heartbeat_ms = w_.cluster.heartbeat_ms();
  w.gone_after_ms = w_.cluster.gone_after_ms;
  return w;
}

node_welcome cluster_supervisor_state::on_hello(const node_hello& hello) {
  const auto terms = terms_with("node", hello.version, hello.speaks);
  if (!terms) return refused_node(terms.error().message());
  if (w_.engine.expert_rows == expert_row_form::fp8 && terms->data < f8_rows_since)
    return refused_node(
        fmt::format("experts of this cluster take FP8 rows, which data {} lacks: "
                    "update the node, or serve with expert_rows = \"exact\"",
                    terms->data));
  for (const auto& [peer, node] : nodes_) {
    if (const auto pair = agree(node.speaks, hello.speaks); !pair)
      return refused_node(fmt::format("with node {}: {}", name_of(peer), pair.error().message()));
  }
  node_welcome welcome = settings();
  welcome.terms = *terms;
  return welcome;
}

result<protocol_terms> cluster_supervisor_state::terms_with(std::string_view who,
                                                            const std::string& version,
                                                            const protocol_offer& offer) const {
  auto terms = agree(release::protocols, offer);
  if (terms && versions_fit(version, w_.identity.version)) return terms;
  return fail(errc::unsupported,
              "this cluster runs troupe {} ({}), the {} {:.40} ({}){}: install a version whose "
              "minor number is at most one apart",
              w_.identity.version, show(release::protocols), who, printable(version), show(offer),
              terms ? std::string() : ", with " + terms.error().message());
}

std::uint32_t cluster_supervisor_state::data_protocol(peer_id a, peer_id b) const {
  const auto one = nodes_.find(a);
  const auto other = nodes_.find(b);
  const auto& mine = release::protocols;
  const auto terms = agree(one == nodes_.end() ? mine : one->second.speaks,
                           other == nodes_.end() ? mine : other->second.speaks);
  return terms ? terms->data : mine.data.lowest;
}

node_welcome cluster_supervisor_state::on_join(const node_hello& hello,
                                               const worker_actor& worker) {
  node_welcome answer = on_hello(hello);
  if (!answer.refusal.empty()) return answer;
  const auto now = clock::now();
  if (const auto joined = members_->join(info_of(hello), now); !joined) {
    publish();
    return refused_node(joined.error().message());
  }
  nodes_[hello.peer] = {worker,
                        address_of({hello.peer, hello.data_address, 0, answer.terms.data}),
                        hello.speaks,
                        hello.held,
                        hello.held_pages,
                        hello.experts_only,
                        0};
  visitors_.erase(hello.peer);
  spdlog::info("{} joins: troupe {}, control {}, data {}", hello.name, hello.version,
               answer.terms.control, answer.terms.data);
  last_join_ = now;
  self_->monitor(worker);
  detector_.watch(hello.peer, now);
  connect();
  answer.supervisor = introduce({w_.port->self(), w_.port->address(),
                                 nonce_of(w_.port->self(), hello.peer), answer.terms.data});
  if (!plan_ && !move_ && nodes_.size() >= w_.nodes) {
    adopt_held();
    if (!move_) place_first();
  }
  publish();
  return answer;
}

std::uint64_t cluster_supervisor_state::nonce_of(peer_id a, peer_id b) {
  const auto [place, fresh] = nonces_.try_emplace(std::minmax(a, b), 0);
  if (fresh) {
    std::random_device random;
    place->second = std::uint64_t{random()} << 32U | random();
  }
  return place->second;
}

void cluster_supervisor_state::connect() {
  std::vector<peer_address> peers;
  for (auto& [peer, node] : nodes_) {
    node.address.nonce = nonce_of(w_.port->self(), peer);
    peers.push_back(node.address);
  }
  for (auto& [peer, gateway] : gateways_) {
    gateway.address.nonce = nonce_of(w_.port->self(), peer);
    peers.push_back(gateway.address);
  }
  for (auto& [peer, visitor] : visitors_) {
    visitor.address.nonce = nonce_of(w_.port->self(), peer);
    peers.push_back(visitor.address);
  }
  if (const auto done = w_.port->connect_to(peers); !done)
    spdlog::error("the data plane refused a peer: {}", done.error().message());
}

void cluster_supervisor_state::on_heard(peer_id peer) {
  const auto now = clock::now();
  if (!detector_.heard(peer, now)) return;
  (void)members_->trust(peer, now);
  publish();
}

void cluster_supervisor_state::on_lost(peer_id peer, const std::string& why) {
  if (gateways_.contains(peer)) return lose_gateway(peer, why);
  if (visitors_.erase(peer) > 0) return cut_off(peer);
  const auto known = nodes_.find(peer);
  if (known == nodes_.end()) return;
  const std::string reason = let_go_.erase(peer) > 0 ? "it has nothing left and was let go" : why;
  spdlog::warn("node {} is gone: {}", name_of(peer), reason);
  (void)members_->lose(peer, clock::now(), reason);
  self_->demonitor(known->second.worker.address());
  nodes_.erase(known);
  cut_off(peer);
  std::erase_if(synced_, [peer](const auto& s) { return s.second == peer; });
  lose_copies(peer);
  publish();
}

void cluster_supervisor_state::cut_off(peer_id peer) {
  detector_.forget(peer);
  w_.port->disconnect(peer);
  std::erase_if(nonces_,
                [peer](const auto& n) { return n.first.first == peer || n.first.second == peer; });
}

void cluster_supervisor_state::on_durable(const buddy_durable& d) {
  if (move_ && d.durable.epoch == move_->plan.epoch)
    move_->synced.emplace(d.durable.stage, d.buddy);
  if (!plan_ || d.durable.epoch != plan_->epoch) return;
  for (const stage_home& s : plan_->stages) {
    if (s.layers.first != d.durable.stage) continue;
    if (std::ranges::find(s.buddies, d.buddy) == s.buddies.end()) return;
    const bool fresh = synced_.emplace(d.durable.stage, d.buddy).second;
    if (fresh) publish();
    return;
  }
}

void cluster_supervisor_state::on_stalled(epoch_number epoch) {
  if (!plan_ || move_ || plan_->epoch != epoch) return;
  members_->note(clock::now(), "no step gets through: the nodes connect anew");
  spdlog::warn("no step gets through in epoch {}: the nodes connect anew", show_epoch(epoch));
  std::erase_if(nonces_, [&](const auto& pair) {
    return pair.first.first != w_.port->self() && pair.first.second != w_.port->self();
  });
  cluster_plan same = *plan_;
  same.epoch = ++epoch_;
  begin(std::move(same), false);
}

void cluster_supervisor_state::on_tick() {
  const auto now = clock::now();
  const auto verdicts = detector_.tick(now);
  for (const peer_id peer : verdicts.suspect)
    (void)members_->suspect(peer, now, "it has been silent");
  for (const peer_id peer : verdicts.gone) on_lost(peer, "it has been silent for too long");
  lose_late(now);
  if (!move_ && plan_ && now >= not_before_) improve();
  // Those of a former supervisor come one after the other; nobody waits for one that is lost.
  if (!move_ && !plan_ && !nodes_.empty() && now - last_join_ >= held_patience) adopt_held();
  if (!move_ && !plan_ && now - last_join_ >= return_patience) place_without_lost();
  if (!verdicts.suspect.empty() || !verdicts.gone.empty()) publish();
  beat();
  tell_key_use();
  forget_visitors(now);
  self_->delayed_send(self_, tick_period, tick_atom::value);
}

drain_answer cluster_supervisor_state::on_drain(const std::string& node) {
  const member* m = members_->find(node);
  if (m == nullptr || m->state == member_state::gone)
    return {error(errc::not_found, fmt::format("there is no node '{}'", node))};
  if (!plan_) return {error(errc::unavailable, "nothing is placed yet")};
  if (const auto possible = troupe::drain(*plan_, w_.sizes, capacities(), m->info.peer, epoch_ + 1);
      !possible)
    return {possible.error()};
  if (const auto done = members_->drain(m->info.peer, clock::now()); !done) return {done.error()};
  goal_.reset();
  publish();
  return {};
}

std::string cluster_supervisor_state::name_of(peer_id peer) const {
  const member* m = members_->find(peer);
  return m == nullptr ? "?" : m->info.name;
}

cluster_supervisor_actor::behavior_type cluster_supervisor(
    cluster_supervisor_actor::stateful_pointer<cluster_supervisor_state> self,
    const std::shared_ptr<cluster_supervisor_wiring>& wiring) {
  self->state.start(self, std::move(*wiring));
  return {
      [self](hello_atom, const node_hello& hello) { return self->state.on_hello(hello); },
      [self](join_atom, const node_hello& hello, const worker_actor& worker) {
        return self->state.on_join(hello, worker);
      },
      [self](weights_atom, const node_hello& hello) { return self->state.on_weights(hello); },
      [self](weights_atom, const weights_progress& p) { self->state.on_weights_progress(p); },
      [self](hello_atom, const gateway_hello& hello) {
        return self->state.on_gateway_hello(hello);
      },
      [self](join_atom, const gateway_hello& hello) { return self->state.on_gateway_join(hello); },
      [self](leave_atom, const std::string& node) {
        const drain_answer answer = self->state.on_drain(node);
        return answer.refusal ? answer.refusal->message() : std::string();
      },
      [self](const peer_heard& h) { self->state.on_heard(h.peer); },
      [self](const peer_lost& l) { self->state.on_lost(l.peer, l.why.message()); },
      [self](const buddy_durable& d) { self->state.on_durable(d); },
      [self](const expert_load_report& report) { self->state.on_load(report); },
      [self](const arrived_key_use& arrived) { self->state.on_key_use(arrived); },
      [self](stalled_atom, epoch_number epoch) { self->state.on_stalled(epoch); },
      [self](tick_atom) { self->state.on_tick(); },
      [self](note_atom, const std::string& text) { self->state.on_note(text); },
      [self](drain_atom, const std::string& node) { return self->state.on_drain(node); },
  };
}

}  // namespace troupe
