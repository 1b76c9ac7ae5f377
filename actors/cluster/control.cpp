#include "actors/cluster/control.hpp"

#include <caf/io/all.hpp>
#include <caf/openssl/all.hpp>
#include <random>
#include <span>

namespace troupe {
namespace {

/// In arithmetic_of().
constexpr std::uint32_t fp8_experts = 256;

}  // namespace

std::uint32_t arithmetic_of(const engine_config& config) {
  return static_cast<std::uint32_t>(config.activations) +
         (config.expert_rows == expert_row_form::fp8 ? fp8_experts : 0);
}

void take_arithmetic(engine_config& config, std::uint32_t number) {
  config.activations = static_cast<activation_mode>(number % fp8_experts);
  config.expert_rows = (number & fp8_experts) != 0 ? expert_row_form::fp8 : expert_row_form::exact;
}

void take_settings(engine_config& config, const node_welcome& welcome) {
  config.page_size = welcome.page_size;
  config.kv = static_cast<kernels::kv_type>(welcome.kv_type);
  config.step_rows = welcome.step_rows;
  take_arithmetic(config, welcome.activations);
  config.prefix_cache = welcome.prefix_cache;
  config.pack_weights = welcome.pack_weights;
}

peer_introduction introduce(const peer_address& peer) {
  const auto* const bytes = reinterpret_cast<const std::uint8_t*>(peer.address.data());
  return {peer.peer, {bytes, bytes + peer.address.size()}, peer.nonce, peer.protocol};
}

peer_address address_of(const peer_introduction& peer) {
  const auto bytes = std::as_bytes(std::span(peer.address));
  return {peer.peer, {bytes.begin(), bytes.end()}, peer.nonce, peer.protocol};
}

peer_id draw_peer_id() {
  std::random_device random;
  return (std::uint64_t{random()} << 32U | random()) | 1U;
}

cluster_system_config::cluster_system_config(std::uint32_t threads, const tls_files& tls) {
  load<caf::io::middleman>();
  if (tls.used()) {
    load<caf::openssl::manager>();
    openssl_certificate = tls.certificate;
    openssl_key = tls.key;
    openssl_cafile = tls.authority;
  }
  // The names are on the wire.
  add_message_type<held_stage>("held_stage");
  add_message_type<node_hello>("node_hello");
  add_message_type<node_welcome>("node_welcome");
  add_message_type<weights_progress>("weights_progress");
  add_message_type<weights_welcome>("weights_welcome");
  add_message_type<gateway_hello>("gateway_hello");
  add_message_type<gateway_welcome>("gateway_welcome");
  add_message_type<peer_introduction>("peer_introduction");
  add_message_type<stage_order>("stage_order");
  add_message_type<expert_slice>("expert_slice");
  add_message_type<shard_order>("shard_order");
  add_message_type<hot_order>("hot_order");
  add_message_type<node_orders>("node_orders");
  add_message_type<stage_heritage>("stage_heritage");
  add_message_type<orders_done>("orders_done");
  add_message_type<worker_actor>("worker_actor");
  add_message_type<join_desk_actor>("join_desk_actor");
  set("scheduler.policy", caf::atom("sharing"));
  set("scheduler.max-threads", threads);
  // CAF names a connection by its descriptor. While actors of its own read messages, what is left
  // to be done for a connection that ended waits for them, and is then done to a new connection
  // that has got the same descriptor: whoever came by it is heard and never answered. Without such
  // actors it is done before another connection is taken.
  set("middleman.workers", std::size_t{0});
}

}  // namespace troupe
