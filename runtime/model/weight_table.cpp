#include "runtime/model/weight_table.hpp"

#include <set>
#include <string_view>
#include <utility>

#include "runtime/model/float_vector.hpp"

namespace troupe {
namespace {

struct extent {
  std::uint32_t rows;
  std::uint32_t cols;
};

/// The shape that a slot's matrix has in a layer. Products fit: the configuration has been checked.
extent shape_of(const model_config& c, matrix_slot slot, std::uint32_t layer) {
  const std::uint32_t width = c.layer_intermediate(layer);
  switch (slot) {
    case matrix_slot::token_embedding:
    case matrix_slot::head:
      return {c.vocab, c.hidden};
    case matrix_slot::query:
      return {c.heads * c.head_dim, c.hidden};
    case matrix_slot::key:
    case matrix_slot::value:
      return {c.kv_heads * c.head_dim, c.hidden};
    case matrix_slot::attention_output:
      return {c.hidden, c.heads * c.head_dim};
    case matrix_slot::router:
      return {c.experts, c.hidden};
    case matrix_slot::expert_gate:
    case matrix_slot::expert_up:
      return {width, c.hidden};
    case matrix_slot::expert_down:
      return {c.hidden, width};
  }
  return {0, 0};
}

std::uint32_t length_of(const model_config& c, vector_slot slot) {
  switch (slot) {
    case vector_slot::attention_norm:
    case vector_slot::ffn_norm:
    case vector_slot::final_norm:
    case vector_slot::attention_output_bias:
      return c.hidden;
    case vector_slot::query_norm:
    case vector_slot::key_norm:
      return c.head_dim;
    case vector_slot::query_bias:
      return c.heads * c.head_dim;
    case vector_slot::key_bias:
    case vector_slot::value_bias:
      return c.kv_heads * c.head_dim;
  }
  return 0;
}

constexpr matrix_slot first_shared = matrix_slot::query;
constexpr matrix_slot first_expert = matrix_slot::expert_gate;

std::size_t index_of(matrix_slot slot, matrix_slot first) {
  return static_cast<std::size_t>(slot) - static_cast<std::size_t>(first);
}

}  // namespace

/// Fills a weight_table and remembers which biases it took.
class weight_table::builder {
 public:
  builder(const model_config& config, const tensor_table& tensors, const weight_naming& naming,
          bias_rule biases)
      : config_(config), tensors_(tensors), naming_(naming), biases_(biases) {}

  [[nodiscard]] result<weight_table> run();

 private:
  [[nodiscard]] result<void> fill_layer(std::uint32_t layer);
  [[nodiscard]] result<void> load(matrix_slot slot, std::uint32_t layer, std::uint32_t expert,
                                  kernels::matrix& out);
  [[nodiscard]] result<void> load(vector_slot slot, std::uint32_t layer, bool required,
                                  std::vector<float>& out);
  [[nodiscard]] result<void> refuse_unused_biases() const;

  const model_config& config_;
  const tensor_table& tensors_;
  const weight_naming& naming_;
  bias_rule biases_;
  weight_table out_;
  std::set<std::string_view> used_biases_;
};

result<void> weight_table::builder::load(matrix_slot slot, std::uint32_t layer,
                                         std::uint32_t expert, kernels::matrix& out) {
  const extent shape = shape_of(config_, slot, layer);
  const weight_name where = naming_.matrix(slot, layer, expert, config_.is_sparse(layer));
  auto loaded = out_.store_.matrix(tensors_, where, shape.rows, shape.cols, config_.experts);
  if (!loaded) return fail(std::move(loaded.error()));
  out = *loaded;
  return {};
}

result<void> weight_table::builder::load(vector_slot slot, std::uint32_t layer, bool required,
                                         std::vector<float>& out) {
  const std::string name = naming_.vector(slot, layer);
  const stored_tensor* const tensor = tensors_.find(name);
  if (tensor == nullptr) {
    if (required) return fail(errc::corrupt, "tensor '{}' is missing", name);
    return {};
  }
  auto floats = to_floats(*tensor, length_of(config_, slot));
  if (!floats) return fail(std::move(floats.error()));
  out = std::move(*floats);
  if (slot >= vector_slot::query_bias) used_biases_.insert(tensor->name);
  return {};
}

result<void> weight_table::builder::fill_layer(std::uint32_t layer) {
  layer_weights& weights = out_.layers_.emplace_back();
  for (const matrix_slot slot : {matrix_slot::query, matrix_slot::key, matrix_slot::value,
                                 matrix_slot::attention_output, matrix_slot::router}) {
    if (slot == matrix_slot::router && !config_.is_sparse(layer)) continue;
    if (auto ok = load(slot, layer, 0, weights.shared[index_of(slot, first_shared)]); !ok)
      return ok;
  }
  for (std::uint32_t expert = 0; expert < config_.layer_experts(layer); ++expert) {
    auto& matrices = weights.experts.emplace_back();
    for (const matrix_slot slot :
         {matrix_slot::expert_gate, matrix_slot::expert_up, matrix_slot::expert_down}) {
      if (auto ok = load(slot, layer, expert, matrices[index_of(slot, first_expert)]); !ok)
        return ok;
    }
  }
  for (const vector_slot slot :
       {vector_slot::attention_norm, vector_slot::ffn_norm, vector_slot::query_norm,
        vector_slot::key_norm, vector_slot::query_bias, vector_slot::key_bias,
        vector_slot::value_bias, vector_slot::attention_output_bias}) {
    const bool head_norm = slot == vector_slot::query_norm || slot == vector_slot::key_norm;
    if (head_norm && !config_.qk_norm) continue;
    const bool required = slot < vector_slot::query_bias || biases_ == bias_rule::required;
    if (auto ok = load(slot, layer, required, weights.vectors[static_cast<std::size_t>(slot)]); !ok)
      return ok;
  }
  return {};
}

result<void> weight_table::builder::refuse_unused_biases() const {
  for (const stored_tensor& tensor : tensors_.all()) {
    if (tensor.name.ends_with(".bias") && !used_biases_.contains(tensor.name))
      return fail(errc::unsupported, "tensor '{}' is a bias that troupe does not apply",
                  tensor.name);
  }
  return {};
}

result<weight_table> weight_table::builder::run() {
  if (auto ok = load(matrix_slot::token_embedding, 0, 0, out_.embedding_); !ok)
    return fail(std::move(ok.error()));
  out_.head_ = out_.embedding_;
  if (!config_.tied_head) {
    if (auto ok = load(matrix_slot::head, 0, 0, out_.head_); !ok)
      return fail(std::move(ok.error()));
  }
  if (auto ok = load(vector_slot::final_norm, 0, true, out_.final_norm_); !ok)
    return fail(std::move(ok.error()));
  for (std::uint32_t layer = 0; layer < config_.layers; ++layer) {
    if (auto ok = fill_layer(layer); !ok) return fail(std::move(ok.error()));
  }
  if (auto ok = refuse_unused_biases(); !ok) return fail(std::move(ok.error()));
  return std::move(out_);
}

result<weight_table> weight_table::build(const model_config& config, const tensor_table& tensors,
                                         const weight_naming& naming, bias_rule biases) {
  return builder(config, tensors, naming, biases).run();
}

kernels::matrix weight_table::matrix(matrix_slot slot, std::uint32_t layer,
                                     std::uint32_t expert) const {
  if (slot == matrix_slot::token_embedding) return embedding_;
  if (slot == matrix_slot::head) return head_;
  if (layer >= layers_.size()) return {};
  if (slot < first_expert) return layers_[layer].shared[index_of(slot, first_shared)];
  if (expert >= layers_[layer].experts.size()) return {};
  return layers_[layer].experts[expert][index_of(slot, first_expert)];
}

std::span<const float> weight_table::vector(vector_slot slot, std::uint32_t layer) const {
  if (slot == vector_slot::final_norm) return final_norm_;
  if (layer >= layers_.size()) return {};
  return layers_[layer].vectors[static_cast<std::size_t>(slot)];
}

}  // namespace troupe
