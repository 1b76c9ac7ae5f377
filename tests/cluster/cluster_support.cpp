#include "tests/cluster/cluster_support.hpp"

#include <algorithm>
#include <map>
#include <set>

namespace troupe::test {
namespace {

std::vector<peer_id> holders(const stage_home& home) {
  std::vector<peer_id> all;
  if (home.primary != no_peer) all.push_back(home.primary);
  all.insert(all.end(), home.buddies.begin(), home.buddies.end());
  return all;
}

std::string bad_copies(std::vector<peer_id> copies, const std::set<peer_id>& known) {
  for (const peer_id p : copies) {
    if (!known.contains(p)) return fmt::format("a copy on {}, which is not there", p);
  }
  std::ranges::sort(copies);
  if (std::ranges::adjacent_find(copies) != copies.end()) return "two copies on one node";
  return {};
}

std::string bad_cover(const cluster_plan& plan, const model_sizes& sizes) {
  std::uint32_t next = 0;
  for (const stage_home& s : plan.stages) {
    if (s.layers.first != next || s.layers.count() == 0) return "layers are not covered in order";
    next = s.layers.last;
  }
  if (next != sizes.layers.size()) return "layers are left over";
  std::set<std::pair<std::uint32_t, std::uint32_t>> seen;
  std::size_t experts = 0;
  for (const layer_sizes& l : sizes.layers) experts += l.experts;
  for (const shard_home& s : plan.shards) {
    std::set<std::uint32_t> layers;
    if (s.owned.empty()) return "an empty shard";
    for (const expert_range& r : s.owned) {
      if (!layers.insert(r.layer).second) return "two ranges of one layer in a shard";
      if (r.first + r.count > sizes.layers[r.layer].experts) return "an expert that is not there";
      for (std::uint32_t e = r.first; e < r.first + r.count; ++e) {
        if (!seen.insert({r.layer, e}).second) return "an expert in two shards";
      }
    }
  }
  return seen.size() == experts ? "" : "an expert in no shard";
}

}  // namespace

model_sizes even_model(std::uint32_t layers, std::size_t attention, std::size_t expert,
                       std::uint32_t experts, std::uint32_t chosen) {
  model_sizes sizes;
  sizes.layers.assign(layers, {attention * mib, expert * mib, experts, chosen});
  return sizes;
}

std::vector<node_capacity> even_nodes(std::size_t count, std::size_t memory_mib,
                                      std::uint32_t threads) {
  std::vector<node_capacity> nodes;
  for (std::size_t i = 0; i < count; ++i) {
    const std::string name =
        i < 26 ? std::string(1, static_cast<char>('a' + i)) : fmt::format("n{:05}", i);
    nodes.push_back({i + 1, name, "host-" + name, memory_mib * mib, threads});
  }
  return nodes;
}

std::size_t bytes_on(const cluster_plan& plan, const model_sizes& sizes, peer_id node) {
  std::size_t bytes = 0;
  for (const stage_home& s : plan.stages) {
    for (const peer_id p : holders(s)) {
      if (p != node) continue;
      for (std::uint32_t i = s.layers.first; i < s.layers.last; ++i)
        bytes += sizes.layers[i].attention_bytes + plan.kv_layer_bytes;
      const bool last = s.layers.last == sizes.layers.size();
      if (s.layers.first == 0) bytes += sizes.embedding_bytes;
      if (last && !(s.layers.first == 0 && sizes.shared_head)) bytes += sizes.head_bytes;
    }
  }
  for (const shard_home& s : plan.shards) {
    if (std::ranges::find(s.replicas, node) == s.replicas.end()) continue;
    for (const expert_range& r : s.owned) bytes += sizes.layers[r.layer].expert_bytes * r.count;
  }
  for (const hot_expert& h : plan.hot) {
    if (std::ranges::find(h.copies, node) != h.copies.end())
      bytes += sizes.layers[h.layer].expert_bytes;
  }
  return bytes;
}

std::string broken(const cluster_plan& plan, const model_sizes& sizes,
                   std::span<const node_capacity> nodes) {
  std::set<peer_id> known;
  for (const node_capacity& n : nodes) known.insert(n.node);
  if (auto why = bad_cover(plan, sizes); !why.empty()) return why;
  for (const stage_home& s : plan.stages) {
    if (auto why = bad_copies(holders(s), known); !why.empty()) return "stage: " + why;
  }
  for (const shard_home& s : plan.shards) {
    if (auto why = bad_copies(s.replicas, known); !why.empty()) return "shard: " + why;
  }
  for (const hot_expert& h : plan.hot) {
    std::vector<peer_id> all = h.copies;
    for (const shard_home& s : plan.shards) {
      for (const expert_range& r : s.owned) {
        if (r.layer == h.layer && r.first <= h.expert && h.expert < r.first + r.count)
          all.insert(all.end(), s.replicas.begin(), s.replicas.end());
      }
    }
    if (auto why = bad_copies(all, known); !why.empty()) return "hot expert: " + why;
  }
  if (plan.experts == expert_home::with_stage) {
    if (plan.shards.size() != plan.stages.size()) return "not one shard a stage";
    for (std::size_t i = 0; i < plan.stages.size(); ++i) {
      if (plan.shards[i].replicas != holders(plan.stages[i]))
        return "a shard is not with its stage";
    }
  }
  for (const node_capacity& n : nodes) {
    if (bytes_on(plan, sizes, n.node) > n.memory_bytes) return "node " + n.name + " holds too much";
  }
  return {};
}

std::size_t fewest_copies(const cluster_plan& plan) {
  std::size_t fewest = SIZE_MAX;
  for (const stage_home& s : plan.stages) fewest = std::min(fewest, holders(s).size());
  for (const shard_home& s : plan.shards) fewest = std::min(fewest, s.replicas.size());
  return fewest;
}

bool holds_anything(const cluster_plan& plan, peer_id node) {
  const auto has = [&](const std::vector<peer_id>& all) {
    return std::ranges::find(all, node) != all.end();
  };
  return std::ranges::any_of(plan.stages, [&](const stage_home& s) { return has(holders(s)); }) ||
         std::ranges::any_of(plan.shards, [&](const shard_home& s) { return has(s.replicas); }) ||
         std::ranges::any_of(plan.hot, [&](const hot_expert& h) { return has(h.copies); });
}

std::uint32_t draw(std::mt19937& random, std::uint32_t low, std::uint32_t high) {
  return low + static_cast<std::uint32_t>(random() % (high - low + 1));
}

random_case draw_case(std::mt19937& random) {
  random_case c;
  const std::uint32_t layers = draw(random, 1, 12);
  const std::uint32_t experts = draw(random, 0, 2) == 0 ? 1 : draw(random, 2, 16);
  for (std::uint32_t i = 0; i < layers; ++i) {
    layer_sizes l{draw(random, 1, 20) * mib, draw(random, 1, 8) * mib, experts,
                  draw(random, 1, experts)};
    if (experts > 1 && draw(random, 0, 5) == 0) l = {l.attention_bytes, 12 * mib, 1, 1};
    c.sizes.layers.push_back(l);
  }
  c.sizes.embedding_bytes = draw(random, 0, 40) * mib;
  c.sizes.head_bytes = draw(random, 0, 40) * mib;
  c.sizes.shared_head = draw(random, 0, 1) == 1;
  c.wishes.redundancy = draw(random, 1, 3);
  c.wishes.experts = draw(random, 0, 1) == 0 ? expert_home::with_stage : expert_home::apart;
  c.wishes.stages = draw(random, 0, 2) == 0 ? draw(random, 1, layers) : 0;
  c.wishes.kv_positions = draw(random, 0, 64);
  c.wishes.kv_position_bytes = draw(random, 0, 1) * mib / 16;
  const std::uint32_t count = draw(random, 1, 9);
  // From hardly enough memory in all to plenty.
  const std::size_t whole = c.sizes.total_bytes() * c.wishes.redundancy;
  const std::size_t each = whole / count + whole * draw(random, 0, 20) / 10 / count;
  for (std::uint32_t i = 0; i < count; ++i) {
    const std::string name = fmt::format("n{}", (i * 7) % count);
    c.nodes.push_back({random() | (std::uint64_t{i + 1} << 40U), name,
                       fmt::format("h{}", draw(random, 0, count)), each * draw(random, 5, 15) / 10,
                       draw(random, 1, 4)});
  }
  return c;
}

}  // namespace troupe::test
