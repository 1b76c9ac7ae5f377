#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "cluster/expert_routes.hpp"
#include "runtime/engine/expert_dispatch.hpp"

namespace troupe {

/// An attention block's experts on other nodes, layer by layer: what to send where, until every
/// output is in place. Joins which rows travel (expert_dispatch) with where to (expert_routes).
///
/// One layer at a time, over injected time and sending; one thread at a time; nothing waits.
class remote_experts {
 public:
  using time_point = expert_routes::time_point;
  /// Hands a message to the transport. An error means that it was not taken: another replica is
  /// asked.
  using send_function = std::function<result<void>(peer_id, expert_request&&)>;

  enum class progress : std::uint8_t {
    waiting,   ///< for outputs
    complete,  ///< every remote output of the layer is in place, or there was none
    failed,    ///< no node is left that can compute some: the step fails, why() says more
  };

  remote_experts(expert_dispatch dispatch, expert_routes routes, send_function send);

  /// A new placement. A layer under way is abandoned: its step is void.
  void begin_epoch(epoch_number epoch, std::vector<shard_route> shards);

  /// For expert_dispatch::stage.
  [[nodiscard]] result<void> stage(const layer_step& at, const expert_call& call,
                                   std::span<const expert_holder> holders) {
    return dispatch_.stage(at, call, holders);
  }
  /// Sends a layer's rows out. For `call` and `holders` see expert_dispatch::begin.
  progress begin(const layer_step& at, const expert_call& call,
                 std::span<const expert_holder> holders, time_point now);
  /// The experts that rows of the layer under way have chosen.
  [[nodiscard]] std::span<const std::int32_t> chosen() const { return dispatch_.chosen(); }
  /// Forgets the layer under way: its step is void. Answers to it are late from now on.
  void abandon();
  /// An answer came in. What is not expected, or not what was asked for, changes no output.
  progress on_outputs(peer_id from, const expert_outputs_header& header,
                      std::span<const std::byte> payload, time_point now);
  progress on_node(peer_id node, expert_routes::standing state, time_point now);
  /// To be called at next_deadline().
  progress tick(time_point now);
  [[nodiscard]] std::optional<time_point> next_deadline() const { return routes_.next_deadline(); }

  [[nodiscard]] progress state() const { return state_; }
  /// Of a layer that failed.
  [[nodiscard]] const error& why() const { return why_; }
  [[nodiscard]] const expert_routes& routes() const { return routes_; }

 private:
  progress follow(route_changes changes, time_point now);
  progress fail_layer(error why);

  expert_dispatch dispatch_;
  expert_routes routes_;
  send_function send_;
  layer_step at_;
  progress state_ = progress::complete;
  error why_{errc::unavailable, ""};
};

}  // namespace troupe
