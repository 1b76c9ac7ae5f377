#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "cluster/node_placement.hpp"

namespace troupe {

/// What is placed as one: a stage, a shard, or a stage with its experts.
struct placement_unit {
  enum class kind : std::uint8_t { stage, shard };
  kind what = kind::stage;
  std::uint32_t index = 0;      ///< into the plan's stages or shards
  std::size_t weights = 0;      ///< bytes of one copy
  std::size_t kv = 0;           ///< bytes of one copy
  double cost = 0;              ///< of a row, as model_sizes counts it
  std::string label;            ///< "stage 2 (layers 10 to 19)"
  std::vector<peer_id> copies;  ///< the first leads; empty: homeless

  [[nodiscard]] std::size_t bytes() const { return weights + kv; }
  [[nodiscard]] bool is_on(peer_id node) const;
  /// "1.20 GiB of weights and 0.40 GiB of KV"
  [[nodiscard]] std::string needs() const;
};

/// The units of a plan: its stages, then, where experts live apart, its shards.
[[nodiscard]] std::vector<placement_unit> units_of(const cluster_plan& plan,
                                                   const model_sizes& sizes);
/// Writes where the units' copies are back into the plan they came from.
void write_copies(cluster_plan& plan, std::span<const placement_unit> units);

/// Indices of units, stages before shards (which then keep off the stages' nodes), the largest
/// first: what is hard to place is placed first.
[[nodiscard]] std::vector<std::size_t> largest_first(std::span<const placement_unit> units);

/// Which of several nodes with room is taken.
enum class node_fit : std::uint8_t {
  emptiest,  ///< the one that is then fullest by the least share: spreads
  tightest,  ///< the one that then has the least left: packs
};

/// Memory of every node, and what has been placed there. Borrows the nodes.
class placement_ledger {
 public:
  explicit placement_ledger(std::span<const node_capacity> nodes);

  /// By name, so that plans do not depend on the order in which nodes are listed.
  [[nodiscard]] std::span<const node_capacity* const> nodes() const { return nodes_; }
  /// Null where the node is not there.
  [[nodiscard]] const node_capacity* find(peer_id node) const;
  [[nodiscard]] std::size_t free_bytes(peer_id node) const;

  /// Notes a copy of `unit` on `node`, or that it left. A node that is not there is ignored.
  void put(const placement_unit& unit, peer_id node);
  void take(const placement_unit& unit, peer_id node);
  void put_bytes(peer_id node, std::size_t bytes);
  void take_bytes(peer_id node, std::size_t bytes);

  /// Whether the node may be given a copy of `unit`, its memory aside.
  [[nodiscard]] bool may_hold(const placement_unit& unit, const node_capacity& node) const;
  /// Whether a copy there would bring stages and shards together that live apart.
  [[nodiscard]] bool mixes(const placement_unit& unit, peer_id node) const;
  /// Whether a copy is on a machine of that name, that on node `but` aside.
  [[nodiscard]] bool shares_host(const placement_unit& unit, const std::string& host,
                                 peer_id but = no_peer) const;
  /// A node for one more copy: with room, without a copy of it, if possible one for experts only
  /// (for a shard), that mixes nothing and whose host has no copy. no_peer where there is none.
  [[nodiscard]] peer_id choose(const placement_unit& unit, node_fit how = node_fit::emptiest) const;
  /// Why choose() found none: "node b has the most free: 1.00 GiB of 4.00 GiB".
  [[nodiscard]] std::string why_none(const placement_unit& unit) const;

 private:
  struct account {
    std::size_t used = 0;
    std::uint32_t stages = 0;
    std::uint32_t shards = 0;
  };
  [[nodiscard]] std::size_t at(peer_id node) const;  ///< nodes_.size() where it is not there
  [[nodiscard]] std::size_t free_at(std::size_t i) const;

  std::vector<const node_capacity*> nodes_;
  std::vector<account> accounts_;
  std::unordered_map<peer_id, std::size_t> index_;
};

}  // namespace troupe
