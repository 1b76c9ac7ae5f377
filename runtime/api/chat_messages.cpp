#include "runtime/api/chat_messages.hpp"

#include <boost/json/parse.hpp>
#include <string>
#include <utility>

#include "runtime/api/json_body.hpp"

namespace troupe {
namespace json = boost::json;
namespace {

std::string_view view(const json::string& s) { return {s.data(), s.size()}; }

/// Whether a part or a message is marked.
api_result<bool> read_cache_control(const json::object& of, const std::string& where) {
  const json::value* control = of.if_contains("cache_control");
  if (control == nullptr || control->is_null()) return false;
  const json::object* object = control->if_object();
  const json::value* type = object == nullptr ? nullptr : object->if_contains("type");
  if (type == nullptr || !type->is_string() || type->get_string() != "ephemeral")
    return refuse(where + ".cache_control", "must be {{\"type\": \"ephemeral\"}}");
  return true;
}

/// The text of a list of content parts; `marks` are lengths of it.
api_result<json::string> join_parts(const json::array& parts, const std::string& where,
                                    std::vector<std::size_t>& marks) {
  json::string text;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const std::string here = fmt::format("{}[{}]", where, i);
    const json::object* part = parts[i].if_object();
    if (part == nullptr) return refuse(here, "must be an object, got {}", kind_name(parts[i]));
    const json::value* type = part->if_contains("type");
    if (type == nullptr || !type->is_string()) return refuse(here + ".type", "must be a string");
    if (type->get_string() != "text") {
      auto refused = refuse(here, "is of type '{}', which is not supported: this model reads text",
                            view(type->get_string()));
      refused.value().code = "unsupported";
      return refused;
    }
    const json::value* piece = part->if_contains("text");
    if (piece == nullptr || !piece->is_string()) return refuse(here + ".text", "must be a string");
    if (i != 0) text += '\n';
    text += piece->get_string();
    const auto marked = read_cache_control(*part, here);
    if (!marked) return tl::unexpected(marked.error());
    if (*marked) marks.push_back(text.size());
  }
  return text;
}

/// Templates write arguments with tojson, so they must see what the string holds.
api_result<void> read_tool_calls(json::value& calls, const std::string& where) {
  json::array* list = calls.if_array();
  if (list == nullptr) return refuse(where, "must be a list, got {}", kind_name(calls));
  for (std::size_t i = 0; i < list->size(); ++i) {
    const std::string here = fmt::format("{}[{}].function", where, i);
    json::object* call = (*list)[i].if_object();
    json::value* f = call == nullptr ? nullptr : call->if_contains("function");
    json::object* function = f == nullptr ? nullptr : f->if_object();
    if (function == nullptr) return refuse(here, "must be an object");
    const json::value* name = function->if_contains("name");
    if (name == nullptr || !name->is_string()) return refuse(here + ".name", "must be a string");
    json::value* arguments = function->if_contains("arguments");
    if (arguments == nullptr || arguments->is_null()) {
      (*function)["arguments"] = json::object();
      continue;
    }
    if (arguments->is_object()) continue;
    if (!arguments->is_string())
      return refuse(here + ".arguments", "must be a string or an object");
    boost::system::error_code code;
    json::value parsed = json::parse(arguments->get_string(), code);
    if (!code && parsed.is_object()) *arguments = std::move(parsed);
  }
  return {};
}

api_result<void> read_content(json::object& message, bool optional, const std::string& where,
                              std::vector<std::size_t>& marks) {
  const json::value* content = message.if_contains("content");
  if (content == nullptr || content->is_null()) {
    if (!optional) return refuse(where, "is required: a string or a list of text parts");
    message["content"] = "";
    return {};
  }
  if (content->is_string()) return {};
  const json::array* parts = content->if_array();
  if (parts == nullptr)
    return refuse(where, "must be a string or a list of text parts, got {}", kind_name(*content));
  auto text = join_parts(*parts, where, marks);
  if (!text) return tl::unexpected(std::move(text.error()));
  message["content"] = std::move(*text);
  return {};
}

api_result<void> read_message(json::object& message, bool knows_developer, const std::string& where,
                              std::vector<std::size_t>& marks) {
  const json::value* role_value = message.if_contains("role");
  if (role_value == nullptr || !role_value->is_string())
    return refuse(where + ".role", "must be one of system, developer, user, assistant, tool");
  const std::string role(view(role_value->get_string()));
  if (role != "system" && role != "developer" && role != "user" && role != "assistant" &&
      role != "tool")
    return refuse(where + ".role",
                  "must be one of system, developer, user, assistant, tool, got '{}'", role);
  if (role == "developer" && !knows_developer) message["role"] = "system";

  bool has_calls = false;
  if (json::value* calls = message.if_contains("tool_calls"); calls != nullptr) {
    if (calls->is_null()) {
      message.erase("tool_calls");
    } else {
      if (auto read = read_tool_calls(*calls, where + ".tool_calls"); !read) return read;
      has_calls = !calls->get_array().empty();
    }
  }
  for (const char* key : {"name", "tool_call_id", "reasoning_content"})
    if (const json::value* v = message.if_contains(key);
        v != nullptr && !v->is_null() && !v->is_string())
      return refuse(fmt::format("{}.{}", where, key), "must be a string, got {}", kind_name(*v));
  if (const json::value* partial = message.if_contains("partial");
      partial != nullptr && !partial->is_null() && !partial->is_bool())
    return refuse(where + ".partial", "must be a boolean, got {}", kind_name(*partial));
  const bool optional = role == "assistant" && (has_calls || message.contains("reasoning_content"));
  if (auto read = read_content(message, optional, where + ".content", marks); !read) return read;
  const auto marked = read_cache_control(message, where);
  if (!marked) return tl::unexpected(marked.error());
  message.erase("cache_control");
  const std::size_t length = message.at("content").get_string().size();
  if (*marked && (marks.empty() || marks.back() != length)) marks.push_back(length);
  return {};
}

}  // namespace

api_result<json::array> read_messages(const json::value& messages, bool knows_developer,
                                      const api_limits& limits, std::vector<content_mark>* marks) {
  const json::array* list = messages.if_array();
  if (list == nullptr) return refuse("messages", "must be a list, got {}", kind_name(messages));
  if (list->empty()) return refuse("messages", "must hold at least one message");
  if (list->size() > limits.messages)
    return refuse("messages", "may hold at most {} messages, got {}", limits.messages,
                  list->size());
  json::array out = *list;
  std::vector<content_mark> all;
  for (std::size_t i = 0; i < out.size(); ++i) {
    const std::string where = fmt::format("messages[{}]", i);
    if (!out[i].is_object()) return refuse(where, "must be an object, got {}", kind_name(out[i]));
    std::vector<std::size_t> lengths;
    if (auto read = read_message(out[i].get_object(), knows_developer, where, lengths); !read)
      return tl::unexpected(std::move(read.error()));
    for (const std::size_t bytes : lengths) all.push_back({i, bytes});
  }
  if (all.size() > most_cache_marks)
    all.erase(all.begin(), all.end() - static_cast<std::ptrdiff_t>(most_cache_marks));
  if (marks != nullptr) *marks = std::move(all);
  return out;
}

}  // namespace troupe
