#include "runtime/model/gguf_rope.hpp"

#include <cmath>

#include "runtime/model/float_vector.hpp"

namespace troupe {

result<rope_parameters> read_gguf_rope(gguf_fields& fields, std::uint32_t head_dim,
                                       std::uint32_t context) {
  rope_parameters p;
  p.theta = fields.number("rope.freq_base").value_or(10'000);
  p.dimensions = fields.count("rope.dimension_count", head_dim);
  const auto factor = fields.number("rope.scaling.factor");
  const auto old_factor = fields.number("rope.scale_linear");
  p.factor = factor.value_or(old_factor.value_or(1));
  // A file without the kind but with a factor is from before there was a choice.
  const std::string_view kind =
      fields.text("rope.scaling.type", factor || old_factor ? "linear" : "none");
  p.original_context = fields.count("rope.scaling.original_context_length", context);
  p.beta_fast = fields.number("rope.scaling.yarn_beta_fast").value_or(p.beta_fast);
  p.beta_slow = fields.number("rope.scaling.yarn_beta_slow").value_or(p.beta_slow);
  const auto attention_factor = fields.number("rope.scaling.attn_factor");
  if (fields.failure()) return fail(*fields.failure());
  if (kind == "none") {
    p.kind = rope_kind::plain;
  } else if (kind == "linear") {
    p.kind = rope_kind::linear;
  } else if (kind == "yarn") {
    p.kind = rope_kind::yarn;
    // GGUF's factor comes on top of YaRN's own; transformers' replaces it.
    if (attention_factor && p.factor > 1)
      p.attention_factor = *attention_factor * (1 + 0.1 * std::log(p.factor));
  } else {
    return fail(errc::unsupported, "rope.scaling.type '{}'; troupe has none, linear and yarn",
                kind);
  }
  return p;
}

result<void> apply_rope_factors(const tensor_table& tensors, rope_config& rope) {
  const stored_tensor* const stored = tensors.find("rope_freqs.weight");
  if (stored == nullptr) return {};
  const auto factors = to_floats(*stored, rope.inv_freq.size());
  if (!factors) return fail(factors.error());
  for (std::size_t i = 0; i < factors->size(); ++i) {
    if (!((*factors)[i] > 0))
      return fail(errc::corrupt, "tensor '{}': factor {} is {}", stored->name, i, (*factors)[i]);
    rope.inv_freq[i] /= (*factors)[i];
  }
  return {};
}

}  // namespace troupe
