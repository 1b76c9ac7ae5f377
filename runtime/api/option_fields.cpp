#include "runtime/api/option_fields.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <utility>

#include "runtime/api/json_body.hpp"
#include "runtime/api/structure_fields.hpp"

namespace troupe {
namespace json = boost::json;
namespace {

constexpr std::int64_t any_count = std::numeric_limits<std::int32_t>::max();

std::string_view view(const json::string& s) { return {s.data(), s.size()}; }

void refuse_in(request_reader& reader, tl::unexpected<api_error> u) {
  reader.refuse_with(std::move(u.value()));
}

void apply_defaults(const generation_defaults& given, sampling_params& p) {
  p.temperature = given.temperature.value_or(p.temperature);
  p.top_p = given.top_p.value_or(p.top_p);
  p.min_p = given.min_p.value_or(p.min_p);
  p.top_k = given.top_k.value_or(p.top_k);
  p.repetition_penalty = given.repetition_penalty.value_or(p.repetition_penalty);
}

void read_model(request_reader& reader, const served_model& model) {
  std::string name;
  reader.string("model", name);
  if (reader.failed()) return;
  if (name.empty())
    return refuse_in(reader, refuse("model", "is required: this server has '{}'", model.id));
  if (name != model.id) reader.refuse_with(unknown_model(name, model.id));
}

void read_seed(request_reader& reader, request_options& out) {
  const json::value* v = reader.value("seed");
  if (v == nullptr) return;
  const std::optional<std::int64_t> i = as_integer(*v);
  if (!i && !v->is_uint64())
    return refuse_in(reader, refuse("seed", "must be a 64-bit integer, got {}", kind_name(*v)));
  out.sampling.seed = i ? static_cast<std::uint64_t>(*i) : v->get_uint64();
  out.seed_given = true;
}

void add_stop(request_reader& reader, const json::string& text, const api_limits& limits,
              request_options& out) {
  if (text.empty()) return refuse_in(reader, refuse("stop", "must not hold an empty string"));
  if (text.size() > limits.stop_bytes)
    return refuse_in(reader, refuse("stop", "holds a string of {} bytes; at most {} are allowed",
                                    text.size(), limits.stop_bytes));
  out.stop.emplace_back(view(text));
}

void read_stop(request_reader& reader, std::uint32_t vocab, const api_limits& limits,
               request_options& out) {
  const json::value* v = reader.value("stop");
  if (v == nullptr) return;
  if (const json::string* one = v->if_string()) return add_stop(reader, *one, limits, out);
  const json::array* list = v->if_array();
  if (list == nullptr)
    return refuse_in(reader,
                     refuse("stop", "must be a string or a list of strings or token ids, got {}",
                            kind_name(*v)));
  if (list->size() > limits.stops)
    return refuse_in(
        reader, refuse("stop", "may hold at most {} entries, got {}", limits.stops, list->size()));
  for (const json::value& entry : *list) {
    if (const json::string* text = entry.if_string()) {
      add_stop(reader, *text, limits, out);
      continue;
    }
    auto token = read_tokens(json::array{entry}, vocab, "stop");
    if (!token) return reader.refuse_with(std::move(token.error()));
    out.stop_tokens.push_back(token->front());
  }
}

void read_stop_tokens(request_reader& reader, std::uint32_t vocab, const api_limits& limits,
                      request_options& out) {
  const json::value* v = reader.value("stop_token_ids");
  if (v == nullptr) return;
  const json::array* list = v->if_array();
  if (list == nullptr)
    return refuse_in(reader, refuse("stop_token_ids", "must be a list, got {}", kind_name(*v)));
  if (list->size() > limits.stops)
    return refuse_in(reader, refuse("stop_token_ids", "may hold at most {} entries, got {}",
                                    limits.stops, list->size()));
  auto tokens = read_tokens(*list, vocab, "stop_token_ids");
  if (!tokens) return reader.refuse_with(std::move(tokens.error()));
  out.stop_tokens.insert(out.stop_tokens.end(), tokens->begin(), tokens->end());
}

void read_logit_bias(request_reader& reader, std::uint32_t vocab, const api_limits& limits,
                     sampling_params& out) {
  const json::value* v = reader.value("logit_bias");
  if (v == nullptr) return;
  const json::object* map = v->if_object();
  if (map == nullptr)
    return refuse_in(reader, refuse("logit_bias", "must be an object, got {}", kind_name(*v)));
  if (map->size() > limits.logit_bias)
    return refuse_in(reader, refuse("logit_bias", "may hold at most {} tokens, got {}",
                                    limits.logit_bias, map->size()));
  for (const auto& [key, bias] : *map) {
    const char* end = key.data() + key.size();
    token_id token = -1;
    const auto [stop, failure] = std::from_chars(key.data(), end, token);
    if (failure != std::errc() || stop != end || token < 0 ||
        static_cast<std::uint32_t>(token) >= vocab)
      return refuse_in(
          reader,
          refuse("logit_bias", "must map token ids (\"0\" to \"{}\"), got \"{}\"", vocab - 1,
                 std::string_view(key.data(), std::min<std::size_t>(key.size(), 32))));
    if (!bias.is_number() || !(std::abs(bias.to_number<double>()) <= 100))
      return refuse_in(reader,
                       refuse("logit_bias", "of token {} must be a number in [-100, 100]", token));
    out.logit_bias.emplace_back(token, bias.to_number<float>());
  }
  // The order of a JSON object means nothing, so it must not reach the arithmetic.
  std::sort(out.logit_bias.begin(), out.logit_bias.end());
}

void read_stream_options(request_reader& reader, request_options& out) {
  const json::value* v = reader.value("stream_options");
  if (v == nullptr) return;
  const json::object* object = v->if_object();
  if (object == nullptr)
    return refuse_in(reader, refuse("stream_options", "must be an object, got {}", kind_name(*v)));
  if (!out.stream)
    return refuse_in(reader, refuse("stream_options", "is only allowed with stream: true"));
  request_reader inner(*object);
  inner.boolean("include_usage", out.include_usage);
  inner.accept({"include_obfuscation", "continuous_usage_stats"});
  if (auto e = inner.finish()) {
    e->message = "stream_options: " + e->message;
    e->param = "stream_options." + e->param;
    reader.refuse_with(std::move(*e));
  }
}

}  // namespace

void read_common_options(request_reader& reader, const served_model& model,
                         const api_limits& limits, request_options& out) {
  const std::uint32_t vocab = model.files->config().vocab;
  sampling_params& p = out.sampling;
  apply_defaults(model.files->defaults(), p);
  read_model(reader, model);
  reader.number("temperature", {0, 2}, p.temperature);
  reader.number("top_p", {0, 1, true}, p.top_p);
  reader.number("min_p", {0, 1}, p.min_p);
  reader.number("presence_penalty", {-2, 2}, p.presence_penalty);
  reader.number("frequency_penalty", {-2, 2}, p.frequency_penalty);
  reader.number("repetition_penalty", {0, 100, true}, p.repetition_penalty);
  std::int64_t top_k = p.top_k;
  reader.integer("top_k", -1, any_count, top_k);
  p.top_k = static_cast<std::uint32_t>(std::max<std::int64_t>(top_k, 0));
  read_logit_bias(reader, vocab, limits, p);
  read_seed(reader, out);
  reader.integer("n", 1, limits.choices, out.choices);
  reader.integer("min_tokens", 0, any_count, out.min_tokens);
  read_stop(reader, vocab, limits, out);
  read_stop_tokens(reader, vocab, limits, out);
  reader.boolean("include_stop_str_in_output", out.include_stop);
  reader.boolean("ignore_eos", out.ignore_eos);
  reader.boolean("skip_special_tokens", out.skip_special_tokens);
  reader.boolean("return_token_ids", out.return_token_ids);
  reader.boolean("stream", out.stream);
  read_stream_options(reader, out);
  read_structure(reader, out);
  reader.accept({"user", "metadata", "store", "service_tier", "safety_identifier",
                 "prompt_cache_key", "prompt_cache_retention", "spaces_between_special_tokens",
                 "priority", "request_id"});
  reader.unsupported("use_beam_search", "answers are sampled");
  reader.unsupported("prompt_logprobs", "use /v1/completions with echo and logprobs");
  reader.unsupported("truncate_prompt_tokens", "send a shorter prompt");
}

}  // namespace troupe
