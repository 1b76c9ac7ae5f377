#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "cluster/node_placement.hpp"
#include "cluster/placement_ledger.hpp"

namespace troupe {

using node_list = std::vector<const node_capacity*>;

/// How one attempt at a plan weighs nodes.
struct placement_approach {
  bool by_memory = false;   ///< stages in proportion to memory, on the roomiest nodes; else threads
  bool leave_room = false;  ///< keep of each node what the other copies take
  node_fit packing = node_fit::emptiest;  ///< of the other copies
};

/// All of them, the likeliest to serve well first.
inline constexpr std::array<placement_approach, 8> placement_approaches{{
    {false, false, node_fit::emptiest},
    {false, false, node_fit::tightest},
    {false, true, node_fit::emptiest},
    {false, true, node_fit::tightest},
    {true, false, node_fit::emptiest},
    {true, false, node_fit::tightest},
    {true, true, node_fit::emptiest},
    {true, true, node_fit::tightest},
}};

/// Attempts at placing one model in one way or another. Borrows the model and the nodes.
class placement_trial {
 public:
  /// `empty` is a plan of nothing that says the epoch, the redundancy and what KV takes.
  placement_trial(const model_sizes& sizes, std::span<const node_capacity> nodes,
                  cluster_plan empty);

  /// Cuts the layers into stages and puts each stage's primary on one of `homes`, experts likewise
  /// or, where they live apart, on all of `expert_homes`; then adds the other copies wherever there
  /// is room.
  [[nodiscard]] result<cluster_plan> place(const node_list& homes, std::uint32_t stages,
                                           const node_list& expert_homes,
                                           placement_approach how) const;

 private:
  /// Memory of one copy of a stage, its experts included where they stay with it.
  [[nodiscard]] std::size_t stage_bytes(layer_range layers) const;
  [[nodiscard]] result<cluster_plan> cut(const node_list& homes, std::uint32_t stages,
                                         placement_approach how) const;
  void add_shards(cluster_plan& plan, node_list homes, bool by_memory) const;
  [[nodiscard]] result<cluster_plan> add_copies(cluster_plan plan, node_fit how) const;
  /// Puts every primary into the ledger; the error names the first that finds too little room.
  [[nodiscard]] result<void> put_primaries(const cluster_plan& plan,
                                           placement_ledger& ledger) const;

  const model_sizes& sizes_;
  std::span<const node_capacity> nodes_;
  cluster_plan empty_;
};

}  // namespace troupe
