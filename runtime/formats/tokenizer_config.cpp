#include <algorithm>
#include <utility>

#include "runtime/formats/json_reader.hpp"
#include "runtime/formats/tokenizer_json.hpp"

namespace troupe {
namespace {

namespace json = boost::json;

constexpr std::string_view file_name = "tokenizer_config.json";

/// A token is given as its text, or as an object with the text in "content". Empty where absent.
result<std::string_view> token_text(const json::object& config, std::string_view key) {
  json_fields fields(config, file_name);
  const json::value* const value = fields.find(key);
  if (value == nullptr) return std::string_view();
  if (value->is_object()) return json_fields(value->get_object(), file_name).text("content", "");
  const std::string_view text = fields.text(key, "");
  if (fields.failure()) return fail(*fields.failure());
  return text;
}

std::optional<token_id> find_token(const tokenizer_spec& spec, std::string_view text) {
  if (text.empty()) return std::nullopt;
  const auto added = std::ranges::find(spec.added, text, &added_token::content);
  if (added != spec.added.end()) return added->id;
  const auto plain = std::ranges::find(spec.tokens, text);
  if (plain == spec.tokens.end()) return std::nullopt;
  return static_cast<token_id>(plain - spec.tokens.begin());
}

}  // namespace

result<void> apply_tokenizer_config(const json::object& config, tokenizer_spec& out) {
  const std::pair<std::string_view, std::optional<token_id>*> names[] = {
      {"bos_token", &out.bos},
      {"eos_token", &out.eos},
      {"unk_token", &out.unknown},
      {"pad_token", &out.padding}};
  for (const auto& [key, target] : names) {
    const auto text = token_text(config, key);
    if (!text) return fail(text.error());
    if (text->empty()) continue;
    // A name that the vocabulary lacks is common for tokens that a model never uses.
    if (const auto id = find_token(out, *text)) *target = id;
  }
  json_fields fields(config, file_name);
  const bool add_bos = fields.flag("add_bos_token", false);
  const bool add_eos = fields.flag("add_eos_token", false);
  if (fields.failure()) return fail(*fields.failure());
  if (add_bos && out.bos && (out.prefix.empty() || out.prefix.front() != *out.bos))
    out.prefix.insert(out.prefix.begin(), *out.bos);
  if (add_eos && out.eos && (out.suffix.empty() || out.suffix.back() != *out.eos))
    out.suffix.push_back(*out.eos);
  return {};
}

result<std::string> read_chat_template(const json::object& config) {
  json_fields fields(config, file_name);
  const json::value* const value = fields.find("chat_template");
  if (value == nullptr) return std::string();
  const json::array* const named = value->if_array();
  if (named == nullptr) {
    const std::string_view text = fields.text("chat_template", "");
    if (fields.failure()) return fail(*fields.failure());
    return std::string(text);
  }
  for (const json::value& entry : *named) {
    if (!entry.is_object())
      return fail(errc::corrupt, "{}: a chat template is not an object", file_name);
    json_fields member(entry.get_object(), file_name);
    if (member.text("name", "") == "default") return std::string(member.text("template", ""));
  }
  return std::string();
}

}  // namespace troupe
