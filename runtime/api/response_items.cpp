#include "runtime/api/response_items.hpp"

#include <boost/json/object.hpp>
#include <string>
#include <utility>

#include "runtime/api/json_body.hpp"

namespace troupe {
namespace json = boost::json;
namespace {

std::string_view view(const json::string& s) { return {s.data(), s.size()}; }

/// The text of a member; empty where it is absent or no text.
std::string_view text_of(const json::object& item, std::string_view key) {
  const json::value* v = item.if_contains({key.data(), key.size()});
  const json::string* text = v == nullptr ? nullptr : v->if_string();
  return text == nullptr ? std::string_view() : view(*text);
}

api_result<json::string> required_text(const json::object& item, std::string_view key,
                                       const std::string& where) {
  const json::value* v = item.if_contains({key.data(), key.size()});
  if (v == nullptr || !v->is_string())
    return refuse(fmt::format("{}.{}", where, key), "must be a string");
  return v->get_string();
}

tl::unexpected<api_error> unsupported(const std::string& where, std::string_view type) {
  auto refused =
      refuse(where, "is of type '{}', which is not supported: this model reads text", type);
  refused.value().code = "unsupported";
  return refused;
}

/// A list of parts of text, all of the type that `as` says; a text becomes the only one.
api_result<json::array> read_parts(const json::value& content, std::string_view as,
                                   const std::string& where) {
  const json::string_view type(as.data(), as.size());
  const auto part = [&](const json::string& text) {
    json::object out{{"type", type}, {"text", text}};
    if (as == "output_text") out["annotations"] = json::array();
    return out;
  };
  if (const json::string* text = content.if_string()) return json::array{part(*text)};
  const json::array* list = content.if_array();
  if (list == nullptr)
    return refuse(where, "must be a string or a list of parts, got {}", kind_name(content));
  json::array out;
  for (std::size_t i = 0; i < list->size(); ++i) {
    const std::string here = fmt::format("{}[{}]", where, i);
    const json::object* one = (*list)[i].if_object();
    if (one == nullptr) return refuse(here, "must be an object, got {}", kind_name((*list)[i]));
    auto kind = required_text(*one, "type", here);
    if (!kind) return tl::unexpected(std::move(kind.error()));
    const std::string_view key = *kind == "refusal" ? "refusal" : "text";
    if (*kind != "input_text" && *kind != "output_text" && *kind != "text" && *kind != "refusal" &&
        *kind != "reasoning_text" && *kind != "summary_text")
      return unsupported(here, view(*kind));
    auto text = required_text(*one, key, here);
    if (!text) return tl::unexpected(std::move(text.error()));
    out.push_back(part(*text));
  }
  return out;
}

api_result<json::object> read_message(const json::object& item, const std::string& where) {
  auto role = required_text(item, "role", where);
  if (!role) return tl::unexpected(std::move(role.error()));
  if (*role != "user" && *role != "assistant" && *role != "system" && *role != "developer")
    return refuse(where + ".role", "must be one of user, assistant, system, developer, got '{}'",
                  view(*role));
  const json::value* content = item.if_contains("content");
  if (content == nullptr) return refuse(where + ".content", "is required: a string or a list");
  auto parts =
      read_parts(*content, *role == "assistant" ? "output_text" : "input_text", where + ".content");
  if (!parts) return tl::unexpected(std::move(parts.error()));
  return json::object{{"type", "message"},
                      {"role", std::move(*role)},
                      {"status", "completed"},
                      {"content", std::move(*parts)}};
}

api_result<json::object> read_call(const json::object& item, const std::string& where) {
  json::object out{{"type", "function_call"}, {"status", "completed"}};
  for (const char* key : {"call_id", "name", "arguments"}) {
    auto text = required_text(item, key, where);
    if (!text) return tl::unexpected(std::move(text.error()));
    out[key] = std::move(*text);
  }
  return out;
}

api_result<json::object> read_output(const json::object& item, const std::string& where) {
  auto call = required_text(item, "call_id", where);
  if (!call) return tl::unexpected(std::move(call.error()));
  const json::value* output = item.if_contains("output");
  if (output == nullptr) return refuse(where + ".output", "is required: a string or a list");
  json::object out{{"type", "function_call_output"},
                   {"status", "completed"},
                   {"call_id", std::move(*call)},
                   {"output", *output}};
  if (output->is_string()) return out;
  auto parts = read_parts(*output, "input_text", where + ".output");
  if (!parts) return tl::unexpected(std::move(parts.error()));
  out["output"] = std::move(*parts);
  return out;
}

api_result<json::object> read_reasoning(const json::object& item, const std::string& where) {
  json::object out{{"type", "reasoning"}, {"status", "completed"}, {"summary", json::array()}};
  for (const auto& [key, as] :
       {std::pair("summary", "summary_text"), std::pair("content", "reasoning_text")}) {
    const json::value* given = item.if_contains(key);
    if (given == nullptr || given->is_null()) continue;
    auto parts = read_parts(*given, as, fmt::format("{}.{}", where, key));
    if (!parts) return tl::unexpected(std::move(parts.error()));
    out[key] = std::move(*parts);
  }
  return out;
}

api_result<json::object> read_item(const json::value& given, const std::string& where) {
  const json::object* item = given.if_object();
  if (item == nullptr) return refuse(where, "must be an object, got {}", kind_name(given));
  const json::value* type = item->if_contains("type");
  if (type == nullptr || type->is_null()) return read_message(*item, where);
  if (!type->is_string()) return refuse(where + ".type", "must be a string");
  const std::string_view kind = view(type->get_string());
  if (kind == "message") return read_message(*item, where);
  if (kind == "function_call") return read_call(*item, where);
  if (kind == "function_call_output") return read_output(*item, where);
  if (kind == "reasoning") return read_reasoning(*item, where);
  return unsupported(where, kind);
}

std::string_view id_prefix(std::string_view type) {
  if (type == "message") return "msg";
  if (type == "function_call") return "fc";
  return type == "reasoning" ? "rs" : "fco";
}

std::string joined(const json::value& parts) {
  if (const json::string* text = parts.if_string()) return std::string(view(*text));
  std::string out;
  const json::array* list = parts.if_array();
  if (list == nullptr) return out;
  for (const json::value& part : *list) {
    if (!out.empty()) out += '\n';
    if (const json::object* object = part.if_object()) out += text_of(*object, "text");
  }
  return out;
}

/// The assistant's message that goes on; a new one where another role spoke last.
json::object& assistant_turn(json::array& messages, bool& open) {
  if (!open) {
    messages.push_back(json::object{{"role", "assistant"}, {"content", ""}});
    open = true;
  }
  return messages.back().get_object();
}

void append(json::object& message, const char* key, const std::string& text) {
  json::value& v = message[key];
  if (!v.is_string()) v = json::string();
  v.get_string() += text;
}

void add_call(json::object& message, const json::object& item) {
  json::value& calls = message["tool_calls"];
  if (!calls.is_array()) calls = json::array();
  calls.get_array().push_back(
      json::object{{"id", std::string(text_of(item, "call_id"))},
                   {"type", "function"},
                   {"function",
                    {{"name", std::string(text_of(item, "name"))},
                     {"arguments", std::string(text_of(item, "arguments"))}}}});
}

}  // namespace

api_result<json::array> read_input_items(const json::value& input, std::string_view response_id,
                                         const api_limits& limits) {
  json::array given;
  if (const json::string* text = input.if_string())
    given.push_back(json::object{{"role", "user"}, {"content", *text}});
  else if (const json::array* list = input.if_array())
    given = *list;
  else
    return refuse("input", "must be a string or a list of items, got {}", kind_name(input));
  if (given.empty()) return refuse("input", "must hold at least one item");
  if (given.size() > limits.messages)
    return refuse("input", "may hold at most {} items, got {}", limits.messages, given.size());
  json::array out;
  for (std::size_t i = 0; i < given.size(); ++i) {
    auto item = read_item(given[i], fmt::format("input[{}]", i));
    if (!item) return tl::unexpected(std::move(item.error()));
    // Where a client sends an item back, it keeps its name.
    const std::string_view own = text_of(given[i].get_object(), "id");
    (*item)["id"] = own.empty() || own.size() > 128
                        ? fmt::format("{}_in{}_{}", id_prefix(text_of(*item, "type")), i,
                                      response_id.substr(response_id.find('_') + 1))
                        : std::string(own);
    out.push_back(std::move(*item));
  }
  return out;
}

json::array messages_of(const json::array& items) {
  json::array out;
  bool open = false;  // the last message is an assistant's that may go on
  for (const json::value& entry : items) {
    const json::object* item = entry.if_object();
    if (item == nullptr) continue;
    const std::string_view type = text_of(*item, "type");
    if (type == "function_call") {
      add_call(assistant_turn(out, open), *item);
    } else if (type == "reasoning") {
      const json::value* content = item->if_contains("content");
      if (content == nullptr) content = item->if_contains("summary");
      if (content != nullptr)
        append(assistant_turn(out, open), "reasoning_content", joined(*content));
    } else if (type == "function_call_output") {
      out.push_back(json::object{{"role", "tool"},
                                 {"tool_call_id", std::string(text_of(*item, "call_id"))},
                                 {"content", joined(item->at("output"))}});
      open = false;
    } else if (type == "message") {
      const std::string text = joined(item->at("content"));
      if (text_of(*item, "role") == "assistant") {
        append(assistant_turn(out, open), "content", text);
      } else {
        out.push_back(
            json::object{{"role", std::string(text_of(*item, "role"))}, {"content", text}});
        open = false;
      }
    }
  }
  return out;
}

}  // namespace troupe
