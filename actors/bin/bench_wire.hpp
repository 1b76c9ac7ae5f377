#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>

#include "cluster/cluster_view.hpp"
#include "runtime/cache/kv_layout.hpp"
#include "runtime/wire/traffic.hpp"

namespace troupe::cli {

/// Bytes between the processes of a cluster, by what they are for.
struct wire_bytes {
  double activations = 0;      ///< rows of hidden values, from stage to stage
  double keys_and_values = 0;  ///< from each stage to those that hold copies of it
  double rest = 0;             ///< plans, results, page requests and the frames' headers
  [[nodiscard]] double all() const { return activations + keys_and_values + rest; }
  friend bool operator==(const wire_bytes&, const wire_bytes&) = default;
};

/// What of a model goes through every position.
struct wire_model {
  std::uint32_t hidden = 0;  ///< values of a row, float32
  kv_layout kv;              ///< of one layer
};

/// What the model's arithmetic requires for one position in that placement, where every stage is
/// computed once: a row of hidden values for each stage that follows one of another node, the keys
/// and values of each layer for each copy elsewhere, the token and the one drawn.
[[nodiscard]] wire_bytes needed_per_position(const wire_model& model,
                                             std::span<const cluster_view::stage> stages);

/// What was sent between two readings of the same cluster, by all that are in both. What a process
/// sends by the clock, to be known alive, is left out: it does not depend on the positions.
[[nodiscard]] wire_bytes sent_between(const std::map<peer_id, node_traffic>& before,
                                      const std::map<peer_id, node_traffic>& after);

/// Whether every node of `before` has reported twice since: what it had sent then is told now. The
/// first of two may have been on its way.
[[nodiscard]] bool told_since(const std::map<peer_id, node_traffic>& before,
                              const std::map<peer_id, node_traffic>& now);

}  // namespace troupe::cli
