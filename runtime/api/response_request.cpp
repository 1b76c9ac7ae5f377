#include "runtime/api/response_request.hpp"

#include <array>
#include <limits>
#include <utility>

#include "kernels/api/sample.hpp"
#include "runtime/api/json_body.hpp"
#include "runtime/api/request_reader.hpp"
#include "runtime/api/response_items.hpp"

namespace troupe {
namespace json = boost::json;
namespace {

/// What chat completions take under the same name.
constexpr std::array<std::string_view, 19> shared{"model",
                                                  "temperature",
                                                  "top_p",
                                                  "top_k",
                                                  "min_p",
                                                  "presence_penalty",
                                                  "frequency_penalty",
                                                  "repetition_penalty",
                                                  "logit_bias",
                                                  "seed",
                                                  "min_tokens",
                                                  "stop",
                                                  "stop_token_ids",
                                                  "ignore_eos",
                                                  "enable_thinking",
                                                  "thinking_budget",
                                                  "chat_template_kwargs",
                                                  "parallel_tool_calls",
                                                  "skip_special_tokens"};

/// Under other names there: what stands in a refusal, and what stands for it here.
constexpr std::array<std::pair<std::string_view, std::string_view>, 6> renamed{{
    {"messages", "input"},
    {"max_completion_tokens", "max_output_tokens"},
    {"max_tokens", "max_output_tokens"},
    {"response_format", "text.format"},
    {"reasoning_effort", "reasoning.effort"},
    {"logprobs", "include"},
}};

constexpr std::size_t most_metadata = 16;
constexpr std::size_t longest_metadata_key = 64;
constexpr std::size_t longest_metadata_value = 512;

void refuse_in(request_reader& reader, tl::unexpected<api_error> u) {
  reader.refuse_with(std::move(u.value()));
}

const json::object* object_at(request_reader& reader, std::string_view key) {
  const json::value* v = reader.value(key);
  if (v == nullptr) return nullptr;
  if (!v->is_object()) refuse_in(reader, refuse(key, "must be an object, got {}", kind_name(*v)));
  return v->if_object();
}

/// This endpoint's tools have no object "function" of their own.
void read_tools(request_reader& reader, json::object& chat, json::object& shown) {
  shown["tools"] = json::array();
  const json::value* tools = reader.value("tools");
  if (tools == nullptr) return;
  const json::array* list = tools->if_array();
  if (list == nullptr)
    return refuse_in(reader, refuse("tools", "must be a list, got {}", kind_name(*tools)));
  json::array out;
  for (std::size_t i = 0; i < list->size(); ++i) {
    const std::string where = fmt::format("tools[{}]", i);
    const json::object* tool = (*list)[i].if_object();
    const json::value* type = tool == nullptr ? nullptr : tool->if_contains("type");
    if (type == nullptr || !type->is_string())
      return refuse_in(reader, refuse(where, "must be an object with a type"));
    if (type->get_string() != "function") {
      auto refused = refuse(where,
                            "is of type '{}'; this server has no tools of its own, only "
                            "'function' is supported",
                            std::string_view(type->get_string().data(), type->get_string().size()));
      refused.value().code = "unsupported";
      return refuse_in(reader, std::move(refused));
    }
    const json::value* name = tool->if_contains("name");
    if (name == nullptr || !name->is_string())
      return refuse_in(reader, refuse(where + ".name", "must be a string"));
    json::object function = *tool;
    function.erase("type");
    out.push_back(json::object{{"type", "function"}, {"function", std::move(function)}});
  }
  json::array repeated = *list;
  // Clients' types want both.
  for (json::value& tool : repeated)
    for (const char* key : {"parameters", "strict"})
      if (!tool.get_object().contains(key)) tool.get_object()[key] = nullptr;
  shown["tools"] = std::move(repeated);
  chat["tools"] = std::move(out);
}

void read_tool_choice(request_reader& reader, json::object& chat, json::object& shown) {
  shown["tool_choice"] = "auto";
  const json::value* choice = reader.value("tool_choice");
  if (choice == nullptr) return;
  shown["tool_choice"] = *choice;
  const json::object* object = choice->if_object();
  if (object == nullptr) {
    chat["tool_choice"] = *choice;
    return;
  }
  const json::value* type = object->if_contains("type");
  const json::value* name = object->if_contains("name");
  if (type == nullptr || *type != "function" || name == nullptr || !name->is_string())
    return refuse_in(reader, refuse("tool_choice",
                                    "must be 'auto', 'none', 'required' or "
                                    "{{\"type\": \"function\", \"name\": ...}}"));
  chat["tool_choice"] = {{"type", "function"}, {"function", {{"name", *name}}}};
}

void read_text(request_reader& reader, json::object& chat, json::object& shown) {
  shown["text"] = {{"format", {{"type", "text"}}}};
  const json::object* text = object_at(reader, "text");
  const json::value* format = text == nullptr ? nullptr : text->if_contains("format");
  if (format == nullptr || format->is_null()) return;
  const json::object* object = format->if_object();
  const json::value* type = object == nullptr ? nullptr : object->if_contains("type");
  if (type == nullptr || !type->is_string())
    return refuse_in(reader, refuse("text.format", "must be an object with a type"));
  shown["text"] = {{"format", *format}};
  if (*type != "json_schema") {
    chat["response_format"] = *format;
    return;
  }
  json::object schema = *object;
  schema.erase("type");
  chat["response_format"] = {{"type", "json_schema"}, {"json_schema", std::move(schema)}};
}

void read_reasoning(request_reader& reader, json::object& chat, json::object& shown) {
  shown["reasoning"] = {{"effort", nullptr}, {"summary", nullptr}};
  const json::object* reasoning = object_at(reader, "reasoning");
  if (reasoning == nullptr) return;
  const json::value* effort = reasoning->if_contains("effort");
  if (effort == nullptr || effort->is_null()) return;
  if (!effort->is_string())
    return refuse_in(reader,
                     refuse("reasoning.effort", "must be a string, got {}", kind_name(*effort)));
  shown["reasoning"] = {{"effort", *effort}, {"summary", nullptr}};
  chat["reasoning_effort"] = *effort;
  if (effort->get_string() == "none") chat["enable_thinking"] = false;
}

void read_include(request_reader& reader, json::object& chat, json::object& shown) {
  std::int64_t top = 0;  // signed, as a parsed body has it
  reader.integer("top_logprobs", 0, kernels::max_top_logprobs, top);
  shown["top_logprobs"] = top;
  if (const json::value* include = reader.value("include")) {
    const json::array* list = include->if_array();
    if (list == nullptr)
      return refuse_in(reader, refuse("include", "must be a list, got {}", kind_name(*include)));
    for (const json::value& what : *list) {
      if (!what.is_string()) return refuse_in(reader, refuse("include", "must hold strings"));
      if (what == "message.output_text.logprobs") chat["logprobs"] = true;
    }
  }
  if (top > 0) chat["logprobs"] = true;
  if (chat.contains("logprobs")) chat["top_logprobs"] = top;
}

void read_previous(request_reader& reader, response_request& out) {
  reader.string("previous_response_id", out.previous);
  reader.string("instructions", out.instructions);
  out.shown["previous_response_id"] =
      out.previous.empty() ? json::value(nullptr) : json::value(out.previous);
  out.shown["instructions"] =
      out.instructions.empty() ? json::value(nullptr) : json::value(out.instructions);
}

void read_switches(request_reader& reader, response_request& out) {
  reader.boolean("stream", out.stream);
  reader.boolean("background", out.background);
  reader.boolean("store", out.store);
  out.shown["background"] = out.background;
  out.shown["store"] = out.store;
  if (out.background && !out.store)
    refuse_in(reader, refuse("background", "needs store: true, as it is asked for later"));
  std::string truncation = "disabled";
  reader.string("truncation", truncation);
  if (truncation != "disabled" && truncation != "auto")
    refuse_in(reader, refuse("truncation", "must be 'disabled' or 'auto', got '{}'", truncation));
  out.shown["truncation"] = "disabled";
}

void read_limits(request_reader& reader, response_request& out) {
  std::optional<std::uint32_t> most;
  reader.integer("max_output_tokens", 1, std::numeric_limits<std::int32_t>::max(), most);
  out.shown["max_output_tokens"] = nullptr;
  if (!most) return;
  // Signed, as a parsed body has it.
  out.shown["max_output_tokens"] = std::int64_t{*most};
  out.chat["max_tokens"] = std::int64_t{*most};
}

/// Everything but the items.
void read_parameters(request_reader& reader, const json::object& body, response_request& out) {
  read_switches(reader, out);
  read_previous(reader, out);
  read_metadata(reader, out.shown);
  read_tools(reader, out.chat, out.shown);
  read_tool_choice(reader, out.chat, out.shown);
  read_text(reader, out.chat, out.shown);
  read_reasoning(reader, out.chat, out.shown);
  read_limits(reader, out);
  read_include(reader, out.chat, out.shown);
  for (const std::string_view key : shared)
    if (const json::value* v = reader.value(key)) out.chat[{key.data(), key.size()}] = *v;
  const auto repeat = [&](const char* key, const json::value& otherwise) {
    const json::value* v = body.if_contains(key);
    out.shown[key] = v == nullptr || v->is_null() ? otherwise : *v;
  };
  repeat("parallel_tool_calls", true);
  repeat("temperature", nullptr);
  repeat("top_p", nullptr);
  repeat("user", nullptr);
  reader.accept({"user", "service_tier", "safety_identifier", "prompt_cache_key",
                 "prompt_cache_retention", "prompt_cache_options", "stream_options",
                 "max_tool_calls"});
  reader.unsupported("conversation", "use previous_response_id");
  reader.unsupported("prompt", "send the prompt itself as input");
  reader.unsupported("messages", "use input");
}

/// A refusal of chat completions in this endpoint's words.
api_error in_own_words(api_error e) {
  for (const auto& [theirs, ours] : renamed) {
    if (!e.param.starts_with(theirs)) continue;
    if (e.message.starts_with(e.param))
      e.message = std::string(ours) + e.message.substr(theirs.size());
    e.param = std::string(ours) + e.param.substr(theirs.size());
    break;
  }
  return e;
}

}  // namespace

void read_metadata(request_reader& reader, json::object& shown) {
  shown["metadata"] = json::object();
  const json::object* given = object_at(reader, "metadata");
  if (given == nullptr) return;
  if (given->size() > most_metadata)
    return refuse_in(reader, refuse("metadata", "may hold at most {} pairs, got {}", most_metadata,
                                    given->size()));
  for (const auto& [key, value] : *given)
    if (key.size() > longest_metadata_key || !value.is_string() ||
        value.get_string().size() > longest_metadata_value)
      return refuse_in(reader, refuse("metadata",
                                      "has keys of at most {} and texts of at most {} "
                                      "characters",
                                      longest_metadata_key, longest_metadata_value));
  shown["metadata"] = *given;
}

std::vector<std::string> response_parameters() {
  const json::object nothing;
  request_reader reader(nothing);
  response_request out;
  read_parameters(reader, nothing, out);
  (void)reader.value("input");
  return reader.accepted();
}

api_result<response_request> parse_response_request(std::string_view body, std::string_view id,
                                                    const api_limits& limits) {
  auto object = parse_json_body(body, limits);
  if (!object) return tl::unexpected(std::move(object.error()));
  request_reader reader(*object);
  response_request out;
  read_parameters(reader, *object, out);
  const json::value* input = reader.value("input");
  if (auto e = reader.finish()) return tl::unexpected(std::move(*e));
  if (input == nullptr) return refuse("input", "is required: a string or a list of items");
  auto items = read_input_items(*input, id, limits);
  if (!items) return tl::unexpected(std::move(items.error()));
  out.input = std::move(*items);
  return out;
}

api_result<chat_request> chat_of(const response_request& request, const json::array& history,
                                 const served_model& model, const api_limits& limits) {
  json::array items = history;
  items.insert(items.end(), request.input.begin(), request.input.end());
  json::array messages;
  if (!request.instructions.empty())
    messages.push_back(json::object{{"role", "system"}, {"content", request.instructions}});
  for (json::value& message : messages_of(items)) messages.push_back(std::move(message));
  json::object chat = request.chat;
  chat["messages"] = std::move(messages);
  chat["stream"] = true;
  auto read = parse_chat_request(chat, model, limits);
  if (!read) return tl::unexpected(in_own_words(std::move(read.error())));
  return read;
}

}  // namespace troupe
