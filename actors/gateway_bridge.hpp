#pragma once

#include <memory>

#include "actors/engine/listener_table.hpp"
#include "actors/interfaces.hpp"

namespace troupe {

/// The gateway actor's state: passes requests to the batcher, and news to whoever listens.
struct gateway_bridge_state {
  gateway_bridge_state() = default;  // not an aggregate: CAF would initialise one from the actor
  static inline const char* name = "gateway";
  batcher_actor batcher;
  std::shared_ptr<listener_table> listeners;

  void on_news(news_batch& batch) const;
};

gateway_actor::behavior_type gateway_bridge(
    gateway_actor::stateful_pointer<gateway_bridge_state> self, const batcher_actor& batcher,
    const std::shared_ptr<listener_table>& listeners);

}  // namespace troupe
