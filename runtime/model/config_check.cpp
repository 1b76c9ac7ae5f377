#include "runtime/model/config_check.hpp"

#include <cmath>
#include <limits>

namespace troupe {
namespace {

constexpr std::uint32_t most_layers = 10'000;
constexpr std::uint32_t widest = 1U << 20U;
constexpr std::uint32_t most_heads = 1U << 14U;
constexpr std::uint32_t largest_head = 512;
constexpr std::uint32_t most_experts = 1U << 16U;
constexpr std::uint32_t largest_vocabulary = 10'000'000;
constexpr std::uint32_t longest_context = 1U << 28U;

result<void> check_range(std::string_view what, std::uint32_t value, std::uint32_t most) {
  if (value == 0 || value > most)
    return fail(errc::corrupt, "{} is {}, must be 1 to {}", what, value, most);
  return {};
}

result<void> check_attention(const model_config& c) {
  if (c.heads % c.kv_heads != 0)
    return fail(errc::corrupt, "{} attention heads are not a multiple of {} key-value heads",
                c.heads, c.kv_heads);
  if (c.head_dim % 2 != 0) return fail(errc::corrupt, "head size {} is odd", c.head_dim);
  const std::uint64_t width = (std::uint64_t{c.heads} + 2 * std::uint64_t{c.kv_heads}) * c.head_dim;
  if (width > std::numeric_limits<std::int32_t>::max())
    return fail(errc::corrupt, "{} heads of {} are too wide", c.heads, c.head_dim);
  const std::size_t pairs = c.rope.inv_freq.size();
  if (pairs == 0 || pairs > c.head_dim / 2)
    return fail(errc::corrupt, "{} rotated pairs for a head size of {}", pairs, c.head_dim);
  for (const float f : c.rope.inv_freq) {
    if (!std::isfinite(f) || f < 0)
      return fail(errc::corrupt, "the rotary embedding has a frequency of {}", f);
  }
  if (!std::isfinite(c.rope.scale) || c.rope.scale <= 0)
    return fail(errc::corrupt, "the rotary embedding's scale is {}", c.rope.scale);
  return {};
}

result<void> check_ffn(const model_config& c) {
  if (c.sparse.size() != c.layers)
    return fail(errc::internal, "{} layer kinds for {} layers", c.sparse.size(), c.layers);
  bool any_sparse = false;
  bool any_dense = false;
  for (const bool sparse : c.sparse) (sparse ? any_sparse : any_dense) = true;
  if (any_dense) {
    if (auto ok = check_range("the FFN width", c.dense_intermediate, widest); !ok) return ok;
  }
  if (!any_sparse) return {};
  if (auto ok = check_range("the number of experts", c.experts, most_experts); !ok) return ok;
  if (auto ok = check_range("experts per token", c.top_k, c.experts); !ok) return ok;
  return check_range("the expert width", c.expert_intermediate, widest);
}

}  // namespace

result<void> check(const model_config& config) {
  const struct {
    std::string_view what;
    std::uint32_t value;
    std::uint32_t most;
  } ranges[] = {{"the number of layers", config.layers, most_layers},
                {"the hidden size", config.hidden, widest},
                {"the number of attention heads", config.heads, most_heads},
                {"the number of key-value heads", config.kv_heads, most_heads},
                {"the head size", config.head_dim, largest_head},
                {"the vocabulary size", config.vocab, largest_vocabulary},
                {"the context length", config.context, longest_context}};
  for (const auto& range : ranges) {
    if (auto ok = check_range(range.what, range.value, range.most); !ok) return ok;
  }
  if (!(config.norm_eps > 0) || config.norm_eps >= 1)
    return fail(errc::corrupt, "the norm's epsilon is {}", config.norm_eps);
  if (auto ok = check_attention(config); !ok) return ok;
  if (auto ok = check_ffn(config); !ok) return ok;
  for (const token_id id : config.eos) {
    if (id < 0 || static_cast<std::uint32_t>(id) >= config.vocab)
      return fail(errc::corrupt, "end-of-text token {} is outside the vocabulary of {}", id,
                  config.vocab);
  }
  return {};
}

}  // namespace troupe
