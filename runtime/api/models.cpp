#include "runtime/api/models.hpp"

#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

namespace troupe {
namespace json = boost::json;
namespace {

json::array features(const served_model& model) {
  json::array out;
  if (model.chat == nullptr) return out;
  if (model.markup.calls != call_markup::none) out.emplace_back("tools");
  if (model.markup.thoughts != thought_markup::none) out.emplace_back("reasoning");
  return out;
}

/// The shortest prompt is one token.
std::uint32_t longest_answer(const served_model& model) {
  const std::uint32_t room = model.context - 1;
  return model.max_output == 0 ? room : std::min(room, model.max_output);
}

/// OpenAI's members, vLLM's max_model_len, and what OpenRouter wants to know of a provider's model.
json::object model_object(const served_model& model) {
  return {{"id", model.id},
          {"object", "model"},
          {"created", model.created},
          {"owned_by", "troupe"},
          {"name", model.id},
          {"max_model_len", model.context},
          {"context_length", model.context},
          {"max_output_length", longest_answer(model)},
          {"input_modalities", json::array{"text"}},
          {"output_modalities", json::array{"text"}},
          {"quantization", model.quantization},
          {"supported_sampling_parameters",
           json::array{"temperature", "top_p", "top_k", "min_p", "frequency_penalty",
                       "presence_penalty", "repetition_penalty", "logit_bias", "stop", "seed",
                       "max_tokens", "logprobs", "top_logprobs"}},
          {"supported_features", features(model)}};
}

}  // namespace

std::string list_models(const served_model& model) {
  return json::serialize(
      json::object{{"object", "list"}, {"data", json::array{model_object(model)}}});
}

api_result<std::string> describe_model(const served_model& model, std::string_view id) {
  if (id != model.id) return tl::unexpected(unknown_model(id, model.id));
  return json::serialize(model_object(model));
}

}  // namespace troupe
