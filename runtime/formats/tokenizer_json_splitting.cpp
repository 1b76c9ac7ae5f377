#include <array>
#include <utility>

#include "runtime/formats/json_reader.hpp"
#include "runtime/formats/tokenizer_json_parts.hpp"

namespace troupe {
namespace {

namespace json = boost::json;

struct known_pattern {
  std::string_view regex;
  pre_tokenizer split;
};

constexpr std::array<known_pattern, 4> known_patterns = {{
    {R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)",
     pre_tokenizer::qwen2},
    {R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)",
     pre_tokenizer::llama3},
    {R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)",
     pre_tokenizer::gpt2},
    {R"('(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)",
     pre_tokenizer::gpt2},
}};

/// The members of a "Sequence", or the one component itself.
result<std::vector<const json::object*>> components(const json::object& top, std::string_view list,
                                                    std::string_view what) {
  json_fields fields(top, what);
  if (fields.text("type", "") != "Sequence") return std::vector{&top};
  const json::array* const members = fields.array(list);
  if (members == nullptr) return fail(errc::corrupt, "{}: a Sequence without '{}'", what, list);
  std::vector<const json::object*> out;
  for (const json::value& member : *members) {
    if (!member.is_object()) return fail(errc::corrupt, "{}: a component is not an object", what);
    out.push_back(&member.get_object());
  }
  return out;
}

std::string_view kind(const json::object& component) {
  return json_fields(component, "").text("type", "?");
}

result<void> read_normalizer(const json::object& file, tokenizer_spec& out) {
  json_fields outer(file, "tokenizer");
  const json::object* const top = outer.object("normalizer");
  if (outer.failure()) return fail(*outer.failure());
  if (top == nullptr) return {};
  const auto parts = components(*top, "normalizers", "normalizer");
  if (!parts) return fail(parts.error());
  for (const json::object* const part : *parts) {
    if (kind(*part) != "NFC")
      return fail(errc::unsupported, "normalizer '{}'; troupe has NFC", kind(*part));
    out.nfc = true;
  }
  return {};
}

/// The pattern of a "Split" that cuts words apart and keeps them all.
result<pre_tokenizer> read_split(const json::object& component) {
  json_fields fields(component, "pre_tokenizer Split");
  const json::object* const pattern = fields.object("pattern");
  const std::string_view behavior = fields.text("behavior", "");
  const bool invert = fields.flag("invert", false);
  if (fields.failure()) return fail(*fields.failure());
  const std::string_view regex =
      pattern == nullptr ? "" : json_fields(*pattern, "pattern").text("Regex", "");
  // The known patterns match every character, so dropping what lies between matches drops nothing.
  const bool keeps_all = (behavior == "Isolated" && !invert) || (behavior == "Removed" && invert);
  for (const known_pattern& known : known_patterns) {
    if (keeps_all && known.regex == regex) return known.split;
  }
  return fail(errc::unsupported, "pre_tokenizer Split, {}{}, by '{}'", behavior,
              invert ? " inverted" : "", regex);
}

/// What the components of the pre-tokenizer say together.
struct splitting {
  bool digits = false;
  std::optional<pre_tokenizer> split;
  bool byte_level = false;
  bool byte_level_regex = false;
  bool add_prefix_space = false;
};

result<void> read_component(const json::object& part, splitting& out) {
  const std::string_view type = kind(part);
  json_fields fields(part, "pre_tokenizer");
  if (out.byte_level) return fail(errc::unsupported, "pre_tokenizer '{}' after ByteLevel", type);
  if (type == "ByteLevel") {
    out.byte_level = true;
    out.byte_level_regex = fields.flag("use_regex", true);
    out.add_prefix_space = fields.flag("add_prefix_space", true);
  } else if (type == "Digits" && !out.digits && !out.split) {
    out.digits = true;
    if (!fields.flag("individual_digits", false))
      return fail(errc::unsupported, "pre_tokenizer Digits without individual_digits");
  } else if (type == "Split" && !out.split && !out.digits) {
    const auto split = read_split(part);
    if (!split) return fail(split.error());
    out.split = *split;
  } else {
    return fail(errc::unsupported,
                "pre_tokenizer '{}'; troupe has ByteLevel alone, or after one Digits or Split",
                type);
  }
  if (fields.failure()) return fail(*fields.failure());
  return {};
}

result<void> read_pre_tokenizer(const json::object& file, tokenizer_spec& out) {
  json_fields outer(file, "tokenizer");
  const json::object* const top = outer.object("pre_tokenizer");
  if (outer.failure()) return fail(*outer.failure());
  if (top == nullptr) return fail(errc::unsupported, "a tokenizer without pre_tokenizer");
  const auto parts = components(*top, "pretokenizers", "pre_tokenizer");
  if (!parts) return fail(parts.error());
  splitting found;
  for (const json::object* const part : *parts) {
    if (auto ok = read_component(*part, found); !ok) return ok;
  }
  if (!found.byte_level) return fail(errc::unsupported, "pre_tokenizer without ByteLevel");
  if (found.split && found.byte_level_regex)
    return fail(errc::unsupported, "pre_tokenizer Split followed by ByteLevel's own pattern");
  if (!found.split && !found.byte_level_regex)
    return fail(errc::unsupported, "pre_tokenizer ByteLevel without a pattern");
  out.split = found.split.value_or(found.digits ? pre_tokenizer::smollm : pre_tokenizer::gpt2);
  out.add_prefix_space = found.add_prefix_space;
  return {};
}

}  // namespace

result<void> read_splitting(const json::object& file, tokenizer_spec& out) {
  if (auto ok = read_normalizer(file, out); !ok) return ok;
  return read_pre_tokenizer(file, out);
}

}  // namespace troupe
