#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "cluster/placement_ledger.hpp"
#include "cluster/rebalance.hpp"

namespace troupe {

/// Who would do what share of the experts' work under a plan, and what one copy more or less would
/// change. Borrows sizes, nodes and loads.
class expert_traffic {
 public:
  /// One more copy of an expert, and what it makes of its layer.
  struct offer {
    std::uint32_t expert = 0;
    peer_id node = no_peer;
    double slowest = 0;  ///< time of the layer's busiest node
    double squares = 0;  ///< sum of the squares of the nodes' times
  };

  expert_traffic(const cluster_plan& plan, const model_sizes& sizes,
                 std::span<const node_capacity> nodes, const expert_loads& loads);

  [[nodiscard]] load_spread spread() const;
  [[nodiscard]] std::uint64_t rows(std::uint32_t layer, std::uint32_t expert) const;
  [[nodiscard]] double mean_rows(std::uint32_t layer) const;
  /// Time of the layer's busiest node, and of all nodes if each had its share.
  [[nodiscard]] double slowest(std::uint32_t layer) const;
  [[nodiscard]] double ideal(std::uint32_t layer) const;

  /// The copy that helps the layer most, of experts that have fewer than `most` hot copies; nothing
  /// where none helps or there is no memory.
  [[nodiscard]] std::optional<offer> best_copy(std::uint32_t layer, std::uint32_t most) const;
  void add(std::uint32_t layer, std::uint32_t expert, peer_id node);
  void remove(std::uint32_t layer, std::uint32_t expert, peer_id node);

  /// Hot copies as they are now, in the order of layers and experts.
  [[nodiscard]] std::vector<hot_expert> hot() const;

 private:
  struct expert_state {
    double work = 0;                   ///< rows times bytes
    std::vector<std::size_t> holders;  ///< nodes, by index; those of the shard first
    std::size_t fixed = 0;             ///< how many of them are the shard's
  };
  struct layer_state {
    std::vector<expert_state> experts;
    std::vector<double> times;  ///< by node
    double work = 0;
  };

  void share(layer_state& l, const expert_state& e, double sign);
  [[nodiscard]] double squares(const layer_state& l) const;
  [[nodiscard]] offer with_copy(const layer_state& l, std::uint32_t expert, std::size_t node) const;

  const model_sizes& sizes_;
  const expert_loads& loads_;
  placement_ledger ledger_;
  std::vector<const node_capacity*> nodes_;  ///< that count
  double threads_ = 0;                       ///< of all of them
  std::vector<layer_state> layers_;
};

}  // namespace troupe
