#include "runtime/api/dashscope_request.hpp"

#include <string>
#include <utility>

#include "runtime/api/json_body.hpp"
#include "runtime/api/request_reader.hpp"

namespace troupe {
namespace json = boost::json;
namespace {

/// A member that is to be an object; empty where it is absent or null.
api_result<json::object> object_member(const json::object& from, std::string_view key) {
  const json::value* v = from.if_contains({key.data(), key.size()});
  if (v == nullptr || v->is_null()) return json::object();
  if (!v->is_object()) return refuse(key, "must be an object, got {}", kind_name(*v));
  return v->get_object();
}

/// The conversation: messages as they are, or a prompt as the only one.
api_result<json::value> read_input(const json::object& input) {
  if (const json::value* messages = input.if_contains("messages");
      messages != nullptr && !messages->is_null())
    return *messages;
  const json::value* prompt = input.if_contains("prompt");
  if (prompt == nullptr || prompt->is_null())
    return refuse("input", "must have messages or a prompt");
  if (!prompt->is_string())
    return refuse("input.prompt", "must be a string, got {}", kind_name(*prompt));
  return json::array{json::object{{"role", "user"}, {"content", *prompt}}};
}

}  // namespace

api_result<dashscope_request> parse_dashscope_request(std::string_view body, bool events,
                                                      const served_model& model,
                                                      const api_limits& limits) {
  auto object = parse_json_body(body, limits);
  if (!object) return tl::unexpected(std::move(object.error()));
  auto input = object_member(*object, "input");
  if (!input) return tl::unexpected(std::move(input.error()));
  auto messages = read_input(*input);
  if (!messages) return tl::unexpected(std::move(messages.error()));
  auto parameters = object_member(*object, "parameters");
  if (!parameters) return tl::unexpected(std::move(parameters.error()));

  dashscope_request out;
  request_reader reader(*parameters);
  std::string format = "text";
  reader.string("result_format", format);
  if (format != "text" && format != "message")
    return refuse("result_format", "must be 'text' or 'message', got '{}'", format);
  out.as_text = format == "text";
  reader.boolean("incremental_output", out.incremental);
  reader.unsupported("enable_search", "this server does not search");
  if (reader.failed()) return tl::unexpected(std::move(*reader.finish()));

  // The rest of the parameters has the names that chat completions have.
  json::object chat = std::move(*parameters);
  for (const char* key : {"result_format", "incremental_output", "enable_search", "stream_options"})
    chat.erase(key);
  if (const json::value* name = object->if_contains("model")) chat["model"] = *name;
  chat["messages"] = std::move(*messages);
  chat["stream"] = events;
  auto parsed = parse_chat_request(chat, model, limits);
  if (!parsed) return tl::unexpected(std::move(parsed.error()));
  if (out.as_text && parsed->options.choices != 1)
    return refuse("n", "must be 1 with result_format 'text'; use 'message'");
  out.chat = std::move(*parsed);
  return out;
}

}  // namespace troupe
