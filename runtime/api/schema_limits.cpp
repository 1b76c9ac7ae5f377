// What a JSON schema may be that an answer is held to.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <map>
#include <string>

#include "runtime/api/request_reader.hpp"
#include "runtime/api/structure_limits.hpp"

namespace troupe {
namespace json = boost::json;
namespace {

constexpr std::array counts{"minItems",  "maxItems",      "minLength",
                            "maxLength", "minProperties", "maxProperties"};

std::string text_of(const json::string& s) { return {s.data(), s.size()}; }

/// Goes over a schema: what it holds, and where its references lead.
class schema_review {
 public:
  schema_review(const json::value& root, const structure_bounds& bounds)
      : root_(root), bounds_(bounds) {}

  [[nodiscard]] std::optional<std::string> judge() {
    visit(root_, 0);
    if (!why_ && !ends()) why_ = "asks for what has no end: every value of it holds another";
    return why_;
  }

 private:
  template <class... Args>
  void refuse(fmt::format_string<Args...> format, Args&&... args) {
    if (!why_) why_ = fmt::format(format, std::forward<Args>(args)...);
  }

  void visit(const json::value& v, std::size_t depth) {
    if (why_) return;
    if (++nodes_ > bounds_.schema_nodes)
      return refuse("holds more than {} values", bounds_.schema_nodes);
    if (depth > bounds_.schema_depth)
      return refuse("nests deeper than {} levels", bounds_.schema_depth);
    if (const json::array* list = v.if_array())
      for (const json::value& each : *list) visit(each, depth + 1);
    if (const json::object* object = v.if_object()) visit_object(*object, depth);
  }

  void visit_object(const json::object& object, std::size_t depth) {
    for (const char* key : counts) {
      const json::value* count = object.if_contains(key);
      if (count == nullptr || !count->is_number()) continue;
      const auto number = as_integer(*count);
      if (!number || *number < 0 || *number > bounds_.schema_count)
        return refuse("has a {} that is not from 0 to {}", key, bounds_.schema_count);
    }
    if (const json::value* pattern = object.if_contains("pattern");
        pattern != nullptr && pattern->is_string() && !pattern->get_string().empty()) {
      if (auto why = refusal_of_regex(text_of(pattern->get_string()), bounds_))
        return refuse("has a pattern that {}", *why);
    }
    if (const json::value* ref = object.if_contains("$ref"); ref != nullptr && ref->is_string())
      follow(text_of(ref->get_string()));
    for (const auto& entry : object) visit(entry.value(), depth + 1);
  }

  void follow(const std::string& ref) {
    if (refs_.contains(ref)) return;
    if (refs_.size() == bounds_.schema_refs)
      return refuse("refers to more than {} places", bounds_.schema_refs);
    json::error_code missing;
    const bool local = !ref.empty() && ref.front() == '#';
    const json::value* target =
        local ? root_.find_pointer(json::string_view(ref.data() + 1, ref.size() - 1), missing)
              : nullptr;
    if (target == nullptr) return refuse("refers to '{:.80}', which is not in it", ref);
    refs_[ref] = {target, false};
  }

  /// Whether some value of the schema is finite: the least solution, found by adding what is known
  /// to be until nothing is added.
  [[nodiscard]] bool ends() {
    for (bool more = true; more;) {
      more = false;
      for (auto& [ref, known] : refs_) {
        if (known.ends || !ends(*known.target)) continue;
        known.ends = more = true;
      }
    }
    return ends(root_);
  }

  [[nodiscard]] bool ends(const json::value& schema) const {
    const json::object* s = schema.if_object();
    if (s == nullptr) return !schema.is_bool() || schema.get_bool();
    if (const json::value* ref = s->if_contains("$ref"); ref != nullptr && ref->is_string())
      return refs_.at(text_of(ref->get_string())).ends;
    if (s->contains("const") || s->contains("enum")) return true;
    for (const char* key : {"anyOf", "oneOf"})
      if (const json::value* of = s->if_contains(key); of != nullptr && of->is_array())
        return std::ranges::any_of(of->get_array(), [&](const auto& each) { return ends(each); });
    if (const json::value* of = s->if_contains("allOf"); of != nullptr && of->is_array())
      return std::ranges::all_of(of->get_array(), [&](const auto& each) { return ends(each); });
    return ends_by_type(*s);
  }

  [[nodiscard]] bool ends_by_type(const json::object& s) const {
    const json::value* type = s.if_contains("type");
    const auto is = [&](const json::value& word, std::string_view wanted) {
      return word.is_string() && text_of(word.get_string()) == wanted;
    };
    const auto one_ends = [&](const json::value& word) {
      if (is(word, "object")) return object_ends(s);
      return is(word, "array") ? array_ends(s) : true;
    };
    if (type == nullptr) return s.contains("properties") ? object_ends(s) : true;
    if (const json::array* types = type->if_array()) return std::ranges::any_of(*types, one_ends);
    return one_ends(*type);
  }

  [[nodiscard]] bool object_ends(const json::object& s) const {
    const json::value* required = s.if_contains("required");
    const json::value* properties = s.if_contains("properties");
    if (required == nullptr || !required->is_array() || properties == nullptr ||
        !properties->is_object())
      return true;
    return std::ranges::all_of(required->get_array(), [&](const json::value& name) {
      const json::value* property =
          name.is_string() ? properties->get_object().if_contains(name.get_string()) : nullptr;
      return property == nullptr || ends(*property);
    });
  }

  [[nodiscard]] bool array_ends(const json::object& s) const {
    const json::value* least = s.if_contains("minItems");
    const json::value* items = s.if_contains("items");
    if (least == nullptr || !least->is_number() || as_integer(*least).value_or(0) == 0) return true;
    return items == nullptr || ends(*items);
  }

  struct place {
    const json::value* target = nullptr;
    bool ends = false;
  };

  const json::value& root_;
  const structure_bounds& bounds_;
  std::optional<std::string> why_;
  std::size_t nodes_ = 0;
  std::map<std::string, place> refs_;
};

}  // namespace

std::optional<std::string> refusal_of_schema(const json::value& schema,
                                             const structure_bounds& bounds) {
  if (!schema.is_object() && !schema.is_bool()) return "must be an object";
  if (auto why = schema_review(schema, bounds).judge()) return why;
  const std::size_t bytes = json::serialize(schema).size();
  if (bytes > bounds.schema_bytes)
    return fmt::format("has {} bytes; at most {} are allowed", bytes, bounds.schema_bytes);
  return std::nullopt;
}

}  // namespace troupe
