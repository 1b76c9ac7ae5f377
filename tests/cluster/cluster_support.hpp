#pragma once

#include <cstddef>
#include <cstdint>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "cluster/node_placement.hpp"

namespace troupe::test {

inline constexpr std::size_t mib = 1U << 20U;

/// A model whose layers are all alike; sizes in MiB. `experts` 1: dense.
[[nodiscard]] model_sizes even_model(std::uint32_t layers, std::size_t attention,
                                     std::size_t expert, std::uint32_t experts = 1,
                                     std::uint32_t chosen = 1);

/// Nodes 'a', 'b', ... with peer ids 1, 2, ..., each on a host of its own.
[[nodiscard]] std::vector<node_capacity> even_nodes(std::size_t count, std::size_t memory_mib,
                                                    std::uint32_t threads = 1);

/// What must hold of every plan, whatever led to it; empty, or what does not hold:
/// - every layer is in one stage and every expert in one shard, with at most one range a layer;
/// - no two copies on one node, copies only on nodes that are listed;
/// - no node holds more than its memory;
/// - where experts stay with their stage, the shard is where the stage is.
[[nodiscard]] std::string broken(const cluster_plan& plan, const model_sizes& sizes,
                                 std::span<const node_capacity> nodes);

/// Copies of the stage or shard with the fewest.
[[nodiscard]] std::size_t fewest_copies(const cluster_plan& plan);

/// Whether `node` holds anything.
[[nodiscard]] bool holds_anything(const cluster_plan& plan, peer_id node);

/// Bytes that the plan puts on a node, counted without the code under test.
[[nodiscard]] std::size_t bytes_on(const cluster_plan& plan, const model_sizes& sizes,
                                   peer_id node);

/// A random case: a small model, some nodes, wishes. Many can be met, some cannot.
struct random_case {
  model_sizes sizes;
  std::vector<node_capacity> nodes;
  placement_wishes wishes;
};
[[nodiscard]] random_case draw_case(std::mt19937& random);

/// Uniform in [low, high].
[[nodiscard]] std::uint32_t draw(std::mt19937& random, std::uint32_t low, std::uint32_t high);

}  // namespace troupe::test
