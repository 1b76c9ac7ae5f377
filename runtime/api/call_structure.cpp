// Calls of tools that an answer is held to.
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <utility>

#include "runtime/api/structure_fields.hpp"
#include "runtime/api/structure_limits.hpp"

namespace troupe {
namespace json = boost::json;
namespace {

constexpr std::int64_t most_blanks = 8;
constexpr std::size_t most_tools = 128;

/// As chat templates of Qwen and Hermes show a call, with the function's own schema inside.
api_result<json::object> call_of(const json::object& function, std::string_view param) {
  const json::value* said = function.if_contains("parameters");
  json::value schema = said == nullptr || said->is_null()
                           ? json::value{{"type", "object"}, {"properties", json::object()}}
                           : *said;
  if (const auto why = refusal_of_schema(schema)) return refuse(param, "{}", *why);
  const std::string begin =
      "<tool_call>\n{\"name\": " + json::serialize(function.at("name")) + ", \"arguments\": ";
  return json::object{{"begin", begin},
                      {"content",
                       {{"type", "json_schema"},
                        {"json_schema", std::move(schema)},
                        {"max_whitespace_cnt", most_blanks}}},
                      {"end", "}\n</tool_call>"}};
}

}  // namespace

api_result<void> hold_to_calls(const json::array& tools, std::string_view only, bool many,
                               bool must, request_options& out) {
  if (tools.size() > most_tools)
    return refuse("tools", "may be {} where the answer has to call one, got {}", most_tools,
                  tools.size());
  json::array tags;
  for (std::size_t i = 0; i < tools.size(); ++i) {
    const json::object& function = tools[i].get_object().at("function").get_object();
    const json::string& name = function.at("name").get_string();
    if (!only.empty() && std::string_view(name.data(), name.size()) != only) continue;
    auto call = call_of(function, fmt::format("tools[{}].function.parameters", i));
    if (!call) return tl::unexpected(std::move(call.error()));
    tags.push_back(std::move(*call));
  }
  if (tags.empty())
    return refuse("tool_choice", "names the function '{:.80}', which is not among tools", only);
  json::object calls{{"type", "tags_with_separator"},
                     {"tags", std::move(tags)},
                     {"separator", "\n"},
                     {"at_least_one", true},
                     {"stop_after_first", !many}};
  std::string format = json::serialize(calls);
  if (!must) {
    out.structure = R"({"type":"or","elements":[)" + std::move(format) + "," + out.structure + "]}";
    return {};
  }
  out.structure = std::move(format);
  out.structure_param = "tool_choice";
  return {};
}

}  // namespace troupe
