#include "actors/cluster/control.hpp"

namespace troupe {

void add_control_messages(caf::actor_system_config& config) {
  // The names are on the wire.
  config.add_message_type<node_hello>("node_hello")
      .add_message_type<node_welcome>("node_welcome")
      .add_message_type<peer_introduction>("peer_introduction")
      .add_message_type<stage_order>("stage_order")
      .add_message_type<node_orders>("node_orders")
      .add_message_type<stage_heritage>("stage_heritage")
      .add_message_type<orders_done>("orders_done")
      .add_message_type<worker_actor>("worker_actor")
      .add_message_type<join_desk_actor>("join_desk_actor");
}

}  // namespace troupe
