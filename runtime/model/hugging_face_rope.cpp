#include "runtime/model/hugging_face_rope.hpp"

#include <utility>

namespace troupe {
namespace {

namespace json = boost::json;

result<rope_kind> read_kind(json_fields& fields) {
  const std::string_view name = fields.text("rope_type", fields.text("type", "default"));
  if (fields.failure()) return fail(*fields.failure());
  if (name == "default") return rope_kind::plain;
  if (name == "linear") return rope_kind::linear;
  if (name == "yarn") return rope_kind::yarn;
  if (name == "llama3") return rope_kind::llama3;
  return fail(errc::unsupported,
              "config.json: rope_type '{}'; troupe has default, linear, yarn and llama3", name);
}

result<void> read_scaling(json_fields& fields, json_fields& config, std::uint32_t context,
                          rope_parameters& p) {
  const auto original = fields.number("original_max_position_embeddings");
  p.original_context =
      original.value_or(config.number("original_max_position_embeddings").value_or(context));
  const auto factor = fields.number("factor");
  if (!factor && p.kind != rope_kind::yarn && !fields.failure())
    return fail(errc::corrupt, "config.json: the rotary embedding's scaling has no 'factor'");
  p.factor = factor.value_or(p.original_context > 0 ? context / p.original_context : 0);
  p.attention_factor = fields.number("attention_factor");
  p.mscale = fields.number("mscale");
  p.mscale_all_dim = fields.number("mscale_all_dim");
  p.truncate = fields.flag("truncate", true);
  p.low_freq_factor = fields.number("low_freq_factor").value_or(p.low_freq_factor);
  p.high_freq_factor = fields.number("high_freq_factor").value_or(p.high_freq_factor);
  // transformers takes 0 for "not said" here.
  if (const double fast = fields.number("beta_fast").value_or(0); fast != 0) p.beta_fast = fast;
  if (const double slow = fields.number("beta_slow").value_or(0); slow != 0) p.beta_slow = slow;
  if (fields.failure()) return fail(*fields.failure());
  return {};
}

}  // namespace

result<rope_parameters> read_hugging_face_rope(json_fields& config, std::uint32_t head_dim,
                                               std::uint32_t context) {
  const json::object* const newer = config.object("rope_parameters");
  const json::object* const older = config.object("rope_scaling");
  const json::object empty;
  const json::object& chosen = newer != nullptr ? *newer : older != nullptr ? *older : empty;
  for (const auto& [key, value] : chosen) {
    if (value.is_object())
      return fail(errc::unsupported, "config.json: rotary embeddings by kind of layer ('{}')",
                  std::string_view(key.data(), key.size()));
  }
  json_fields fields(chosen, "config.json: rope");
  rope_parameters p;
  const auto theta = config.number("rope_theta");
  p.theta = fields.number("rope_theta").value_or(theta.value_or(p.theta));
  const auto outer_part = config.number("partial_rotary_factor");
  const double part = fields.number("partial_rotary_factor").value_or(outer_part.value_or(1));
  if (config.failure()) return fail(*config.failure());
  if (!(part > 0) || part > 1)
    return fail(errc::corrupt, "config.json: partial_rotary_factor is {}", part);
  p.dimensions = static_cast<std::uint32_t>(head_dim * part);
  const auto kind = read_kind(fields);
  if (!kind) return fail(kind.error());
  p.kind = *kind;
  if (p.kind == rope_kind::plain) return p;
  if (auto ok = read_scaling(fields, config, context, p); !ok) return fail(std::move(ok.error()));
  return p;
}

}  // namespace troupe
