#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "cluster/model_sizes.hpp"
#include "runtime/base/result.hpp"
#include "runtime/engine/step.hpp"
#include "runtime/transport/transport.hpp"

namespace troupe {

/// Stands where a stage has no home.
inline constexpr peer_id no_peer = 0;

/// A node as placement sees it.
struct node_capacity {
  peer_id node = no_peer;
  std::string name;
  std::string host;              ///< copies go to different hosts where they can
  std::size_t memory_bytes = 0;  ///< for weights and KV, whatever is placed there already
  std::uint32_t threads = 1;
  bool draining = false;      ///< gets nothing new, and what it has moves away
  bool suspect = false;       ///< gets nothing new, keeps what it has
  bool experts_only = false;  ///< never holds anything of a stage
};

/// Attention and KV of a range of layers. A buddy holds the same weights and a replica of the KV,
/// so that it can be the stage; the first is preferred.
struct stage_home {
  layer_range layers;
  peer_id primary = no_peer;
  std::vector<peer_id> buddies;
  friend bool operator==(const stage_home&, const stage_home&) = default;
};

/// A set of experts, at most one range a layer, and the nodes that serve it; the first is
/// preferred.
struct shard_home {
  std::vector<expert_range> owned;
  std::vector<peer_id> replicas;
  friend bool operator==(const shard_home&, const shard_home&) = default;
};

/// Nodes that serve one much chosen expert beside its shard's replicas.
struct hot_expert {
  std::uint32_t layer = 0;
  std::uint32_t expert = 0;
  std::vector<peer_id> copies;
  friend bool operator==(const hot_expert&, const hot_expert&) = default;
};

enum class expert_home : std::uint8_t {
  with_stage,  ///< a stage's layers and their experts are copied and moved as one
  /// Experts on other nodes than the stages, as far as there are such nodes; on those that are for
  /// experts only, where there are any.
  apart,
};

/// Who serves what in one epoch. A value: changes make a new one.
struct cluster_plan {
  epoch_number epoch = 0;
  expert_home experts = expert_home::with_stage;
  std::uint32_t redundancy = 1;    ///< copies of everything, in all
  std::size_t kv_layer_bytes = 0;  ///< KV that a stage and each buddy hold for one layer
  std::vector<stage_home> stages;  ///< in the order of layers
  std::vector<shard_home> shards;  ///< with_stage: one for each stage, in the same order
  std::vector<hot_expert> hot;
  friend bool operator==(const cluster_plan&, const cluster_plan&) = default;
};

struct placement_wishes {
  std::uint32_t stages = 0;  ///< 0: as many as there are nodes for them, or fewer if that fits
  /// Copies of everything in all: losing redundancy - 1 nodes at once loses nothing.
  std::uint32_t redundancy = 1;
  expert_home experts = expert_home::with_stage;
  std::size_t kv_positions = 0;       ///< that every stage has room for
  std::size_t kv_position_bytes = 0;  ///< of one position in one layer, keys and values
};

/// Places a model on nodes: cuts the layers into stages weighted by their cost and the nodes'
/// threads, and puts every copy where there is memory for its weights and KV, no two copies of one
/// thing on one node, on different hosts where that can be. The same input gives the same plan,
/// whatever the order of the nodes; nodes that drain or are suspect get nothing. Nodes for experts
/// only get something where experts live apart.
///
/// out_of_memory says which part needs what and how much the roomiest node has; invalid_argument:
/// wishes that these nodes or this model cannot meet, with the numbers.
[[nodiscard]] result<cluster_plan> plan_cluster(const model_sizes& sizes,
                                                std::span<const node_capacity> nodes,
                                                const placement_wishes& wishes, epoch_number epoch);

/// What is left of a plan after losing nodes.
struct promotion {
  cluster_plan plan;
  std::vector<std::uint32_t> taken_over;       ///< stages that a buddy leads now
  std::vector<std::uint32_t> homeless_stages;  ///< no copy is left: place them anew, replay all
  std::vector<std::uint32_t> homeless_shards;
  /// Copies that are missing to full redundancy, of stages and shards.
  std::uint32_t missing = 0;
};

/// Takes nodes out of a plan: the next buddy or replica leads where the first was lost. Nothing
/// moves, so the plan holds at once.
[[nodiscard]] promotion promote(const cluster_plan& plan, std::span<const peer_id> lost,
                                epoch_number epoch);

/// A plan to prepare (weights and KV copied to new holders) and then to commit.
struct repaired_plan {
  cluster_plan plan;
  std::vector<std::string> missing;  ///< a line for each copy that found no room, with the numbers
};

/// Brings a plan to the nodes there are: copies on nodes that are not listed are lost, those on
/// draining nodes move, and every stage and shard gets its copies up to the redundancy. What is
/// held stays where it is, but for copies that make room for a stage or shard that has none, and
/// those of shards that ordinary nodes have while nodes for experts only have room; the last copy
/// of something stays on a draining node while no other has room for it. out_of_memory where
/// something without any copy fits nowhere.
[[nodiscard]] result<repaired_plan> repair(const cluster_plan& plan, const model_sizes& sizes,
                                           std::span<const node_capacity> nodes,
                                           epoch_number epoch);

/// Repairs with `node` draining and nothing left on it; out_of_memory where that cannot be.
[[nodiscard]] result<repaired_plan> drain(const cluster_plan& plan, const model_sizes& sizes,
                                          std::span<const node_capacity> nodes, peer_id node,
                                          epoch_number epoch);

/// Evens out who leads, by cost and threads: first by swapping a stage's primary with a buddy,
/// which copies nothing, then by moving at most `most_moves` copies to nodes that have room. Where
/// neither the slowest node gets faster by a tenth nor, where that stays as it is, the next
/// slowest, one that holds nothing is given a copy that another can spare, if any copy may be
/// moved; else the plan comes back unchanged, its epoch too.
[[nodiscard]] cluster_plan level(const cluster_plan& plan, const model_sizes& sizes,
                                 std::span<const node_capacity> nodes, std::uint32_t most_moves,
                                 epoch_number epoch);

}  // namespace troupe
