#include "runtime/api/structure_fields.hpp"

#include <array>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <functional>
#include <optional>
#include <utility>

#include "runtime/api/json_body.hpp"
#include "runtime/api/structure_limits.hpp"

namespace troupe {
namespace json = boost::json;
namespace {

/// Blanks in a row between the parts of JSON: enough for deep indentation, too few to go on
/// forever.
constexpr std::int64_t most_blanks = 32;

using format_result = api_result<json::object>;

std::string_view view(const json::string& s) { return {s.data(), s.size()}; }

json::object schema_format(json::value schema) {
  return {{"type", "json_schema"},
          {"json_schema", std::move(schema)},
          {"max_whitespace_cnt", most_blanks}};
}

json::object any_object() {
  return schema_format({{"type", "object"}, {"additionalProperties", true}});
}

format_result format_of_schema(const json::value& said, std::string_view param) {
  json::value schema = said;
  if (const json::string* text = said.if_string()) {
    json::error_code broken;
    schema = json::parse(*text, broken);
    if (broken) return refuse(param, "must be a JSON schema: {}", broken.message());
  }
  if (!schema.is_object())
    return refuse(param, "must be a JSON schema, an object, got {}", kind_name(schema));
  if (const auto why = refusal_of_schema(schema)) return refuse(param, "{}", *why);
  return schema_format(std::move(schema));
}

format_result format_of_text(const json::value& said, std::string_view param, std::string_view type,
                             std::string_view key,
                             std::optional<std::string> (*refusal)(std::string_view,
                                                                   const structure_bounds&)) {
  const json::string* text = said.if_string();
  if (text == nullptr) return refuse(param, "must be a string, got {}", kind_name(said));
  if (const auto why = refusal(view(*text), {})) return refuse(param, "{}", *why);
  json::object out;
  out["type"] = json::string_view(type.data(), type.size());
  out[json::string_view(key.data(), key.size())] = *text;
  return out;
}

format_result format_of_regex(const json::value& said, std::string_view param) {
  return format_of_text(said, param, "regex", "pattern", refusal_of_regex);
}

format_result format_of_grammar(const json::value& said, std::string_view param) {
  return format_of_text(said, param, "grammar", "grammar", refusal_of_grammar);
}

format_result format_of_choice(const json::value& said, std::string_view param) {
  const structure_bounds bounds;
  const json::array* list = said.if_array();
  if (list == nullptr) return refuse(param, "must be a list of strings, got {}", kind_name(said));
  if (list->empty()) return refuse(param, "must not be an empty list");
  if (list->size() > bounds.choices)
    return refuse(param, "may hold at most {} strings, got {}", bounds.choices, list->size());
  std::size_t bytes = 0;
  json::array elements;
  for (const json::value& each : *list) {
    const json::string* text = each.if_string();
    if (text == nullptr || text->empty())
      return refuse(param, "must hold strings that are not empty, got {}", kind_name(each));
    bytes += text->size();
    elements.push_back({{"type", "const_string"}, {"value", *text}});
  }
  if (bytes > bounds.choice_bytes)
    return refuse(param, "has {} bytes; at most {} are allowed", bytes, bounds.choice_bytes);
  return json::object{{"type", "or"}, {"elements", std::move(elements)}};
}

/// {"type": "json_schema", "json_schema": {"name": ..., "schema": {...}, "strict": ...}}, or of
/// another type; nothing where that is "text".
api_result<std::optional<json::object>> format_of_response(const json::value& said) {
  const json::object* object = said.if_object();
  const json::value* type = object == nullptr ? nullptr : object->if_contains("type");
  if (type == nullptr || !type->is_string())
    return refuse("response_format", "must be an object with a type");
  const std::string_view word = view(type->get_string());
  if (word == "text") return std::nullopt;
  if (word == "json_object") return any_object();
  if (word != "json_schema")
    return refuse("response_format",
                  "must be of type 'text', 'json_object' or 'json_schema', "
                  "got '{:.40}'",
                  word);
  const json::value* described = object->if_contains("json_schema");
  const json::value* schema = described == nullptr || !described->is_object()
                                  ? nullptr
                                  : described->get_object().if_contains("schema");
  if (schema == nullptr || !schema->is_object())
    return refuse("response_format",
                  "of type 'json_schema' needs json_schema with a schema, an "
                  "object");
  auto format = format_of_schema(*schema, "response_format");
  if (!format) {
    format.error().param = "response_format.json_schema.schema";
    return tl::unexpected(std::move(format.error()));
  }
  return std::move(*format);
}

using reader_of = std::pair<const char*, format_result (*)(const json::value&, std::string_view)>;

/// vLLM's newer form: an object that has one of these.
format_result format_of_structured(const json::value& said) {
  static constexpr std::array<reader_of, 4> kinds{{{"json", format_of_schema},
                                                   {"regex", format_of_regex},
                                                   {"choice", format_of_choice},
                                                   {"grammar", format_of_grammar}}};
  const json::object* object = said.if_object();
  if (object == nullptr)
    return refuse("structured_outputs", "must be an object, got {}", kind_name(said));
  std::optional<format_result> found;
  for (const auto& [key, read] : kinds) {
    const json::value* v = object->if_contains(key);
    if (v == nullptr || v->is_null()) continue;
    if (found) return refuse("structured_outputs", "must have one of json, regex, choice, grammar");
    found = read(*v, std::string("structured_outputs.") + key);
  }
  const json::value* any = object->if_contains("json_object");
  if (!found && any != nullptr && any->is_bool() && any->get_bool()) found = any_object();
  if (!found)
    return refuse("structured_outputs",
                  "must have json, regex, choice, grammar or json_object: true");
  return std::move(*found);
}

void take(request_reader& reader, format_result format, std::string_view param,
          request_options& out) {
  if (!format) return reader.refuse_with(std::move(format.error()));
  if (!out.structure.empty()) {
    auto both = refuse(param, "cannot be combined with {}", out.structure_param);
    return reader.refuse_with(std::move(both.value()));
  }
  out.structure = json::serialize(*format);
  out.structure_param = param;
}

}  // namespace

void read_structure(request_reader& reader, request_options& out) {
  if (const json::value* said = reader.value("response_format")) {
    auto format = format_of_response(*said);
    if (!format) return reader.refuse_with(std::move(format.error()));
    if (*format) take(reader, std::move(**format), "response_format", out);
  }
  static constexpr std::array<reader_of, 4> guided{{{"guided_json", format_of_schema},
                                                    {"guided_regex", format_of_regex},
                                                    {"guided_choice", format_of_choice},
                                                    {"guided_grammar", format_of_grammar}}};
  for (const auto& [key, read] : guided)
    if (const json::value* said = reader.value(key)) take(reader, read(*said, key), key, out);
  if (const json::value* said = reader.value("structured_outputs"))
    take(reader, format_of_structured(*said), "structured_outputs", out);
  reader.accept({"guided_decoding_backend", "guided_whitespace_pattern"});
  if (reader.failed() || out.structure.empty() || !out.ignore_eos) return;
  auto endless = refuse("ignore_eos",
                        "cannot be combined with {}: the answer ends with what it "
                        "is held to",
                        out.structure_param);
  reader.refuse_with(std::move(endless.value()));
}

}  // namespace troupe
