#include "cluster/model_sizes.hpp"

#include <algorithm>
#include <array>

namespace troupe {
namespace {

constexpr std::array layer_matrices{matrix_slot::query, matrix_slot::key, matrix_slot::value,
                                    matrix_slot::attention_output};
constexpr std::array expert_matrices{matrix_slot::expert_gate, matrix_slot::expert_up,
                                     matrix_slot::expert_down};
constexpr std::array layer_vectors{
    vector_slot::attention_norm, vector_slot::ffn_norm,
    vector_slot::query_norm,     vector_slot::key_norm,
    vector_slot::query_bias,     vector_slot::key_bias,
    vector_slot::value_bias,     vector_slot::attention_output_bias,
};

}  // namespace

std::size_t model_sizes::stage_bytes(layer_range range) const {
  std::size_t bytes = 0;
  for (std::uint32_t i = range.first; i < range.last; ++i) bytes += layers[i].attention_bytes;
  const bool first = range.first == 0;
  const bool last = range.last == layers.size();
  if (first) bytes += embedding_bytes;
  if (last && !(first && shared_head)) bytes += head_bytes;
  return bytes;
}

std::size_t model_sizes::expert_bytes(std::span<const expert_range> owned) const {
  std::size_t bytes = 0;
  for (const expert_range& r : owned) bytes += layers[r.layer].expert_bytes * r.count;
  return bytes;
}

std::size_t model_sizes::total_bytes() const {
  const layer_range all{0, static_cast<std::uint32_t>(layers.size())};
  return stage_bytes(all) + expert_bytes(all_experts(*this, all));
}

double model_sizes::attention_cost(std::uint32_t layer) const {
  double cost = static_cast<double>(layers[layer].attention_bytes);
  if (layer + 1 == layers.size()) cost += static_cast<double>(head_bytes);
  return cost;
}

double model_sizes::expert_cost(std::uint32_t layer) const {
  return static_cast<double>(layers[layer].expert_bytes) * layers[layer].chosen;
}

model_sizes sizes_of(const model_files& files,
                     const std::function<std::size_t(const kernels::matrix&)>& packed_bytes) {
  const model_config& config = files.config();
  const auto packed = [&](const kernels::matrix& w) {
    return w && packed_bytes ? packed_bytes(w) : 0;
  };
  const auto matrix = [&](matrix_slot slot, std::uint32_t layer, std::uint32_t expert) {
    const kernels::matrix w = files.matrix(slot, layer, expert);
    const std::size_t bytes = packed(w);
    return bytes > 0 ? bytes : w.bytes();
  };
  const auto vector = [&](vector_slot slot, std::uint32_t layer) {
    return files.vector(slot, layer).size_bytes();
  };
  model_sizes sizes;
  for (std::uint32_t layer = 0; layer < config.layers; ++layer) {
    layer_sizes s;
    for (const matrix_slot slot : layer_matrices) s.attention_bytes += matrix(slot, layer, 0);
    for (const vector_slot slot : layer_vectors) s.attention_bytes += vector(slot, layer);
    // The router is read in file order: it is never packed.
    if (config.is_sparse(layer))
      s.attention_bytes += files.matrix(matrix_slot::router, layer, 0).bytes();
    s.experts = config.layer_experts(layer);
    s.chosen = config.layer_top_k(layer);
    for (std::uint32_t e = 0; e < s.experts; ++e) {
      std::size_t bytes = 0;
      for (const matrix_slot slot : expert_matrices) bytes += matrix(slot, layer, e);
      s.expert_bytes = std::max(s.expert_bytes, bytes);
    }
    sizes.layers.push_back(s);
  }
  sizes.embedding_bytes = files.matrix(matrix_slot::token_embedding, 0, 0).bytes();
  sizes.head_bytes = matrix(matrix_slot::head, 0, 0) + vector(vector_slot::final_norm, 0);
  sizes.shared_head = config.tied_head && packed(files.matrix(matrix_slot::head, 0, 0)) == 0;
  return sizes;
}

std::vector<expert_range> all_experts(const model_sizes& sizes, layer_range layers) {
  std::vector<expert_range> owned;
  for (std::uint32_t i = layers.first; i < layers.last; ++i)
    owned.push_back({i, 0, sizes.layers[i].experts});
  return owned;
}

std::string show_bytes(std::size_t bytes) {
  constexpr double step = 1024;
  const auto b = static_cast<double>(bytes);
  if (b >= step * step * step) return fmt::format("{:.2f} GiB", b / (step * step * step));
  if (b >= step * step) return fmt::format("{:.1f} MiB", b / (step * step));
  if (b >= step) return fmt::format("{:.1f} KiB", b / step);
  return fmt::format("{} bytes", bytes);
}

}  // namespace troupe
