#include "actors/gateway/token_handler.hpp"

#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "actors/gateway/pool_answer.hpp"
#include "actors/gateway/server_core.hpp"
#include "runtime/api/chat_request.hpp"
#include "runtime/api/json_body.hpp"
#include "runtime/api/request_reader.hpp"

namespace troupe::gateway {

namespace json = boost::json;

namespace {

api_result<bool> flag(const json::object& object, std::string_view name, bool otherwise) {
  const json::value* found = object.if_contains({name.data(), name.size()});
  if (found == nullptr || found->is_null()) return otherwise;
  if (!found->is_bool()) return refuse(name, "must be true or false");
  return found->get_bool();
}

/// Requests may leave the model out here, as there is only one.
api_result<json::object> parse_for(const served_model& model, std::string_view body) {
  api_limits limits;
  limits.body_bytes = body.size();  // what HTTP takes has been looked at
  auto object = parse_json_body(body, limits);
  if (!object) return object;
  const json::value* name = object->if_contains("model");
  if (name == nullptr || name->is_null()) {
    (*object)["model"] = model.id;
  } else if (!name->is_string()) {
    return refuse("model", "must be a string");
  } else if (name->get_string() != model.id) {
    return tl::unexpected(unknown_model(std::string(name->get_string()), model.id));
  }
  return object;
}

/// What the chat template makes of messages, special tokens written out.
api_result<std::string> render_messages(const served_model& model, json::object body) {
  body.erase("add_special_tokens");  // this endpoint's own
  const auto request = parse_chat_request(body, model);
  if (!request) return tl::unexpected(request.error());
  auto text = model.chat->render(request->variables);
  if (!text) return tl::unexpected(to_api_error(text.error()));
  return std::move(*text);
}

/// As it is written in a text; null where the model has none.
json::value written(const tokenizer& tokens, std::optional<token_id> id) {
  if (!id) return nullptr;
  return json::value(tokens.decode(std::span(&*id, 1)));
}

answer as_answer(api_result<std::string> body) {
  if (!body) return refusal(body.error());
  return {200, "application/json", std::move(*body), {}};
}

}  // namespace

api_result<std::string> tokenize_body(const served_model& model, std::string_view body) {
  const auto object = parse_for(model, body);
  if (!object) return tl::unexpected(object.error());
  const bool chat = object->contains("messages");
  const auto special = flag(*object, "add_special_tokens", !chat);
  if (!special) return tl::unexpected(special.error());
  std::string text;
  if (chat) {
    auto rendered = render_messages(model, *object);
    if (!rendered) return tl::unexpected(rendered.error());
    text = std::move(*rendered);
  } else {
    const json::value* prompt = object->if_contains("prompt");
    if (prompt == nullptr || !prompt->is_string()) return refuse("prompt", "must be a string");
    text = prompt->get_string();
  }
  const std::vector<token_id> tokens = model.tokens->encode(text, {*special, true});
  const json::value answer{{"count", tokens.size()},
                           {"max_model_len", model.context},
                           {"tokens", json::array(tokens.begin(), tokens.end())}};
  return json::serialize(answer);
}

api_result<std::string> detokenize_body(const served_model& model, std::string_view body) {
  const auto object = parse_for(model, body);
  if (!object) return tl::unexpected(object.error());
  const json::value* given = object->if_contains("tokens");
  if (given == nullptr || !given->is_array())
    return refuse("tokens", "must be a list of token ids");
  const auto vocabulary = static_cast<std::uint32_t>(model.tokens->vocabulary_size());
  const auto tokens = read_tokens(given->get_array(), vocabulary, "tokens");
  if (!tokens) return tl::unexpected(tokens.error());
  return json::serialize(json::value{{"prompt", model.tokens->decode(*tokens)}});
}

std::string tokenizer_info(const served_model& model) {
  const tokenizer& tokens = *model.tokens;
  const tokenizer_spec& spec = tokens.spec();
  const std::string& chat = model.files->chat_template();
  return json::serialize(
      json::value{{"bos_token", written(tokens, spec.bos)},
                  {"eos_token", written(tokens, spec.eos)},
                  {"pad_token", written(tokens, spec.padding)},
                  {"vocab_size", tokens.vocabulary_size()},
                  {"model_max_length", model.context},
                  {"chat_template", chat.empty() ? json::value(nullptr) : json::value(chat)}});
}

void convert_tokens(server_core& core, const std::shared_ptr<connection>& client) {
  const auto convert =
      client->request().target == route::tokenize ? &tokenize_body : &detokenize_body;
  answer_from_pool(core, client, [convert, model = core.backend().model](std::string_view body) {
    return as_answer(convert(*model, body));
  });
}

}  // namespace troupe::gateway
