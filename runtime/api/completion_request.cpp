#include "runtime/api/completion_request.hpp"

#include <limits>

#include "kernels/api/sample.hpp"
#include "runtime/api/json_body.hpp"
#include "runtime/api/option_fields.hpp"

namespace troupe {
namespace json = boost::json;
namespace {

constexpr std::uint32_t default_max_tokens = 16;

void refuse_in(request_reader& reader, tl::unexpected<api_error> u) {
  reader.refuse_with(std::move(u.value()));
}

std::string text_of(const json::string& s) { return {s.data(), s.size()}; }

/// A string, a list of strings, a list of token ids, or a list of such lists.
void read_prompts(request_reader& reader, std::uint32_t vocab, const api_limits& limits,
                  completion_request& out) {
  const json::value* prompt = reader.value("prompt");
  if (reader.failed()) return;
  if (prompt == nullptr)
    return refuse_in(reader, refuse("prompt", "is required: text or token ids, one or a list"));
  if (const json::string* one = prompt->if_string()) {
    out.prompts.emplace_back(text_of(*one));
    return;
  }
  const json::array* list = prompt->if_array();
  if (list == nullptr)
    return refuse_in(reader, refuse("prompt", "must be text or token ids, one or a list, got {}",
                                    kind_name(*prompt)));
  if (list->empty()) return refuse_in(reader, refuse("prompt", "must not be an empty list"));
  if (list->front().is_number()) {
    auto tokens = read_tokens(*list, vocab, "prompt");
    if (!tokens) return reader.refuse_with(std::move(tokens.error()));
    out.prompts.emplace_back(std::move(*tokens));
    return;
  }
  if (list->size() > limits.prompts)
    return refuse_in(reader, refuse("prompt", "may hold at most {} prompts, got {}", limits.prompts,
                                    list->size()));
  for (std::size_t i = 0; i < list->size(); ++i) {
    const json::value& entry = (*list)[i];
    if (const json::string* text = entry.if_string()) {
      out.prompts.emplace_back(text_of(*text));
    } else if (const json::array* ids = entry.if_array()) {
      auto tokens = read_tokens(*ids, vocab, fmt::format("prompt[{}]", i));
      if (!tokens) return reader.refuse_with(std::move(tokens.error()));
      out.prompts.emplace_back(std::move(*tokens));
    } else {
      return refuse_in(reader,
                       refuse(fmt::format("prompt[{}]", i),
                              "must be a string or a list of token ids, got {}", kind_name(entry)));
    }
  }
}

void read_logprobs(request_reader& reader, sampling_params& p) {
  const bool said = reader.value("logprobs") != nullptr;
  reader.integer("logprobs", 0, kernels::max_top_logprobs, p.top_logprobs);
  p.logprobs = said;
}

void read_best_of(request_reader& reader, const request_options& options,
                  const api_limits& limits) {
  std::uint32_t best_of = options.choices;
  reader.integer("best_of", 1, limits.choices, best_of);
  if (best_of != options.choices)
    refuse_in(reader,
              refuse("best_of", "must equal n ({}): choices are not ranked", options.choices));
}

/// Reads every parameter; what is wrong is kept in `reader`.
void read_completion(request_reader& reader, const served_model& model, const api_limits& limits,
                     completion_request& out) {
  read_common_options(reader, model, limits, out.options);
  read_logprobs(reader, out.options.sampling);
  // Clients that score a prompt with max_tokens 1 cut the drawn token off, whatever it is.
  out.options.score_end = true;
  out.options.max_tokens = default_max_tokens;
  reader.integer("max_tokens", 0, std::numeric_limits<std::int32_t>::max(), out.options.max_tokens);
  reader.boolean("echo", out.echo);
  read_best_of(reader, out.options, limits);
  read_prompts(reader, model.files->config().vocab, limits, out);
  std::string suffix;
  reader.string("suffix", suffix);
  if (!suffix.empty()) reader.unsupported("suffix", "put the text to complete into prompt");
}

}  // namespace

std::vector<std::string> completion_parameters(const served_model& model) {
  const json::object nothing;
  request_reader reader(nothing);
  completion_request out;
  read_completion(reader, model, {}, out);
  return reader.accepted();
}

api_result<completion_request> parse_completion_request(std::string_view body,
                                                        const served_model& model,
                                                        const api_limits& limits) {
  auto object = parse_json_body(body, limits);
  if (!object) return tl::unexpected(std::move(object.error()));
  request_reader reader(*object);
  completion_request out;
  read_completion(reader, model, limits, out);
  if (auto e = reader.finish()) return tl::unexpected(std::move(*e));
  return out;
}

}  // namespace troupe
