#include "actors/cache_settings.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <string>
#include <utility>

#include "runtime/cache/tiered_pages.hpp"

namespace troupe {
namespace {

/// Small models have little besides attention, and are fast at it.
constexpr std::uint64_t least_attention_positions = 4096;

/// Positions whose attention takes as many multiplications as a row's matrices.
std::uint32_t attention_positions(const model_config& model) {
  std::uint64_t matrices = 0;
  for (std::uint32_t layer = 0; layer < model.layers; ++layer) {
    const std::uint64_t attention = model.qkv_width() + model.heads * model.head_dim;
    const std::uint64_t experts = 3ULL * model.layer_top_k(layer) * model.layer_intermediate(layer);
    matrices += (attention + experts) * model.hidden;
  }
  const std::uint64_t position =
      std::max<std::uint64_t>(1, 2ULL * model.layers * model.heads * model.head_dim);
  return static_cast<std::uint32_t>(std::max(least_attention_positions, matrices / position));
}

/// All that the bits of a page depend on, besides the tokens: contract 1 of docs/architecture.md.
std::string identity_of(const node_resources& node, layer_range layers, const kv_layout& layout) {
  return fmt::format("{} {} activations {}{} kv {} layers {}-{} heads {} of {} page {}",
                     node.files->identity(), node.dev->kernels().target(),
                     static_cast<int>(node.config.activations),
                     node.config.expert_rows == expert_row_form::fp8 ? " experts fp8" : "",
                     static_cast<int>(layout.type), layers.first, layers.last, layout.kv_heads,
                     layout.head_dim, layout.page_size);
}

}  // namespace

void take_cache_limits(batch_limits& limits, const engine_config& config,
                       const model_config& model) {
  limits.reuse_prefixes = config.prefix_cache;
  limits.attention_positions = attention_positions(model);
  limits.least_cached = config.cache.implicit_tokens;
  limits.least_marked = config.cache.explicit_tokens;
  limits.kept_percent = config.cache.explicit_percent;
  limits.kept_for = std::chrono::seconds(config.cache.explicit_seconds);
}

std::shared_ptr<page_tiers> tiers_of(const node_resources& node, std::size_t stages,
                                     layer_range layers,
                                     const std::shared_ptr<const kv_store>& store) {
  const tier_config& config = node.config.cache.tiers;
  if (config.host_bytes == 0 && config.folder.empty()) return nullptr;
  tier_settings settings;
  settings.host_bytes = config.host_bytes / stages;
  settings.folder = config.folder;
  settings.disk_bytes = config.disk_bytes / stages;
  settings.identity = identity_of(node, layers, store->layout());
  auto tiers = make_tiered_pages(store, settings, std::make_shared<tier_counters>());
  if (!tiers) {
    spdlog::error("prompts are kept on the device alone: {}", tiers.error().message());
    return nullptr;
  }
  return std::move(*tiers);
}

}  // namespace troupe
