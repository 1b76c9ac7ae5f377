#include <utility>

#include "runtime/formats/json_reader.hpp"
#include "runtime/formats/tokenizer_json_parts.hpp"

namespace troupe {
namespace {

namespace json = boost::json;

constexpr std::size_t most_around_text = 64;

/// The ids that a template's special token stands for.
result<std::vector<token_id>> special_ids(const json::object* special, std::string_view name,
                                          std::size_t tokens) {
  const json::value* const entry = special == nullptr ? nullptr : special->if_contains(name);
  if (entry == nullptr || !entry->is_object())
    return fail(errc::corrupt, "post_processor: special token '{}' is not described", name);
  json_fields fields(entry->get_object(), "post_processor");
  const json::array* const list = fields.array("ids");
  if (list == nullptr || list->empty())
    return fail(errc::corrupt, "post_processor: special token '{}' has no ids", name);
  std::vector<token_id> out;
  for (const json::value& value : *list) {
    const auto id = as_count(value);
    if (!id || *id >= tokens)
      return fail(errc::corrupt, "post_processor: special token '{}' has an id outside 0 to {}",
                  name, tokens - 1);
    out.push_back(static_cast<token_id>(*id));
  }
  return out;
}

/// The "single" template: special tokens, the text (Sequence A) once, special tokens.
result<void> read_template(const json::object& processor, tokenizer_spec& out) {
  json_fields fields(processor, "post_processor");
  const json::array* const single = fields.array("single");
  const json::object* const special = fields.object("special_tokens");
  if (fields.failure()) return fail(*fields.failure());
  if (single == nullptr) return fail(errc::corrupt, "post_processor: no 'single' template");
  bool after_text = false;
  for (const json::value& item : *single) {
    const json::object* const object = item.if_object();
    if (object == nullptr) return fail(errc::corrupt, "post_processor: an item is not an object");
    json_fields member(*object, "post_processor");
    if (member.object("Sequence") != nullptr) {
      if (after_text) return fail(errc::unsupported, "post_processor that repeats the text");
      after_text = true;
      continue;
    }
    const json::object* const token = member.object("SpecialToken");
    if (token == nullptr) return fail(errc::corrupt, "post_processor: an item of unknown kind");
    const auto ids =
        special_ids(special, json_fields(*token, "SpecialToken").text("id", ""), out.tokens.size());
    if (!ids) return fail(ids.error());
    std::vector<token_id>& side = after_text ? out.suffix : out.prefix;
    side.insert(side.end(), ids->begin(), ids->end());
    if (side.size() > most_around_text)
      return fail(errc::corrupt, "post_processor: more than {} tokens around a text",
                  most_around_text);
  }
  if (!after_text) return fail(errc::corrupt, "post_processor: a template without the text");
  return {};
}

result<void> read_processor(const json::object& processor, tokenizer_spec& out) {
  const std::string_view type = json_fields(processor, "").text("type", "?");
  if (type == "ByteLevel") return {};  // moves offsets only
  if (type == "TemplateProcessing") return read_template(processor, out);
  return fail(errc::unsupported, "post_processor '{}'; troupe has ByteLevel and TemplateProcessing",
              type);
}

result<void> read_post_processor(const json::object& file, tokenizer_spec& out) {
  json_fields outer(file, "tokenizer");
  const json::object* const top = outer.object("post_processor");
  if (outer.failure()) return fail(*outer.failure());
  if (top == nullptr) return {};
  json_fields fields(*top, "post_processor");
  if (fields.text("type", "?") != "Sequence") return read_processor(*top, out);
  const json::array* const members = fields.array("processors");
  if (members == nullptr) return fail(errc::corrupt, "post_processor: a Sequence without members");
  for (const json::value& member : *members) {
    const json::object* const object = member.if_object();
    if (object == nullptr)
      return fail(errc::corrupt, "post_processor: a component is not an object");
    if (auto ok = read_processor(*object, out); !ok) return ok;
  }
  return {};
}

}  // namespace

result<void> read_processing(const json::object& file, tokenizer_spec& out) {
  if (auto ok = read_post_processor(file, out); !ok) return ok;
  json_fields outer(file, "tokenizer");
  const json::object* const decoder = outer.object("decoder");
  if (outer.failure()) return fail(*outer.failure());
  if (decoder == nullptr) return {};
  const std::string_view type = json_fields(*decoder, "").text("type", "?");
  if (type != "ByteLevel")
    return fail(errc::unsupported, "decoder '{}'; troupe has ByteLevel", type);
  return {};
}

}  // namespace troupe
