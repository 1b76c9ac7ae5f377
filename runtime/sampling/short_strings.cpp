#include "runtime/sampling/short_strings.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <initializer_list>
#include <optional>
#include <set>
#include <string_view>
#include <utility>
#include <vector>

namespace troupe {
namespace json = boost::json;
namespace {

/// The library writes out repetitions up to this one; its patterns can have no longer ones.
constexpr std::int64_t longest = 128;
/// Tokens times places to work out, each about a tenth of a microsecond: two seconds.
constexpr std::uint64_t most_work = 20'000'000;

/// What nests deeper is left as it is.
constexpr std::size_t deepest = 256;

/// Characters at least, and at most.
using bounds = std::pair<std::int64_t, std::int64_t>;

bool is_one_of(std::string_view word, std::initializer_list<std::string_view> words) {
  return std::ranges::find(words, word) != words.end();
}

std::string_view view(const auto& s) { return {s.data(), s.size()}; }

/// What is asked of a string, if it is one and nothing but its length is asked.
std::optional<bounds> length_of(const json::object& schema) {
  const json::value* type = schema.if_contains("type");
  const json::value* most = schema.if_contains("maxLength");
  if (type == nullptr || !type->is_string() || view(type->get_string()) != "string" ||
      most == nullptr || !most->is_int64())
    return std::nullopt;
  for (const auto& member : schema)
    if (!is_one_of(view(member.key()), {"type", "minLength", "maxLength", "title", "description",
                                        "default", "examples", "$comment"}))
      return std::nullopt;
  const json::value* least = schema.if_contains("minLength");
  if (least != nullptr && !least->is_int64()) return std::nullopt;
  const bounds found{least == nullptr ? 0 : least->get_int64(), most->get_int64()};
  if (found.first < 0 || found.first > found.second) return std::nullopt;
  return found.second > 1 && found.second <= longest ? std::optional(found) : std::nullopt;
}

/// Whether it has a keyword with which a pattern would be read otherwise than lengths: it joins
/// schemas, or speaks of the names of properties. A property of that name counts too.
bool is_intricate(const json::value& schema) {
  if (const json::array* each = schema.if_array())
    return std::ranges::any_of(*each, [](const auto& v) { return is_intricate(v); });
  const json::object* members = schema.if_object();
  return members != nullptr && std::ranges::any_of(*members, [](const auto& member) {
           return is_one_of(view(member.key()), {"allOf", "propertyNames"}) ||
                  is_intricate(member.value());
         });
}

/// Calls `see` with every schema inside of `schema`, and with itself.
template <typename See>
void walk(json::value& schema, const See& see) {
  if (json::array* each = schema.if_array())
    for (json::value& v : *each) walk(v, see);
  json::object* members = schema.if_object();
  if (members == nullptr) return;
  see(*members);
  for (auto&& member : *members) {
    json::value& inner = member.value();
    const std::string_view key = view(member.key());
    // Values, not schemas.
    if (is_one_of(key, {"enum", "const", "default", "examples"})) continue;
    if (is_one_of(key, {"properties", "$defs", "definitions"}) && inner.is_object()) {
      for (auto&& named : inner.get_object()) walk(named.value(), see);
    } else {
      walk(inner, see);
    }
  }
}

/// Calls `see` with every schema of a structural tag that may be put otherwise.
template <typename See>
void walk_tag(json::value& tag, const See& see) {
  if (json::array* each = tag.if_array())
    for (json::value& v : *each) walk_tag(v, see);
  json::object* members = tag.if_object();
  if (members == nullptr) return;
  const json::value* type = members->if_contains("type");
  json::value* schema = members->if_contains("json_schema");
  if (schema == nullptr) {
    for (auto&& member : *members) walk_tag(member.value(), see);
  } else if (type != nullptr && type->is_string() && view(type->get_string()) == "json_schema" &&
             !members->contains("style") && !members->contains("excludes") &&
             !is_intricate(*schema)) {
    walk(*schema, see);
  }
}

/// The shortest of them that can be worked out together.
std::set<bounds> affordable(const std::set<bounds>& found, std::uint32_t vocab) {
  std::vector<bounds> by_length(found.begin(), found.end());
  std::ranges::stable_sort(by_length, {}, &bounds::second);
  std::set<bounds> out;
  std::uint64_t work = 0;
  for (const bounds& each : by_length) {
    work += static_cast<std::uint64_t>(each.second) * vocab;
    if (work > most_work) break;
    out.insert(each);
  }
  return out;
}

/// Any character that needs no escape, as the library has strings of some length: in classes by how
/// many bytes the characters have, for of a wider class it would also take such as are spelled in
/// too many.
constexpr std::string_view character =
    R"([ -!#-\[\]-\x7f]|[\u0080-\u07FF]|[\u0800-\uFFFF]|[\u{10000}-\u{10FFFF}])";

void say_as_pattern(json::object& schema, const bounds& length) {
  schema.erase("minLength");
  schema.erase("maxLength");
  schema["pattern"] = fmt::format("^({}){{{},{}}}$", character, length.first, length.second);
}

}  // namespace

std::string lengths_as_patterns(const std::string& structure, std::uint32_t vocab) {
  if (structure.find("maxLength") == std::string::npos) return {};
  json::error_code broken;
  json::parse_options options;
  options.max_depth = deepest;
  json::value tag = json::parse(structure, broken, {}, options);
  if (broken) return {};
  std::set<bounds> found;
  walk_tag(tag, [&](const json::object& schema) {
    if (const auto length = length_of(schema)) found.insert(*length);
  });
  const std::set<bounds> chosen = affordable(found, vocab);
  if (chosen.empty()) return {};
  walk_tag(tag, [&](json::object& schema) {
    if (const auto length = length_of(schema); length && chosen.contains(*length))
      say_as_pattern(schema, *length);
  });
  return json::serialize(tag);
}

}  // namespace troupe
