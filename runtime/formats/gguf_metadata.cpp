#include "runtime/formats/gguf_metadata.hpp"

#include <limits>

#include "runtime/formats/gguf_value.hpp"

namespace troupe {
namespace {

constexpr std::uint64_t most_entries = 65'536;
constexpr std::uint64_t longest_key = 65'535;
constexpr std::uint64_t most_elements = 1U << 24U;

std::string_view kind(const gguf_value& value) {
  constexpr std::string_view names[] = {"an integer", "an integer", "a number",
                                        "a boolean",  "a string",   "an array"};
  return names[value.index()];
}

tl::unexpected<error> mismatch(std::string_view key, const gguf_value& value,
                               std::string_view expected) {
  return fail(errc::corrupt, "metadata '{}' is {}, not {}", key, kind(value), expected);
}

/// A scalar as a signed integer, or nothing where it is no integer or too large.
std::optional<std::int64_t> as_integer(const gguf_value& value) {
  if (const auto* i = std::get_if<std::int64_t>(&value)) return *i;
  const auto* u = std::get_if<std::uint64_t>(&value);
  if (u == nullptr || *u > std::uint64_t{std::numeric_limits<std::int64_t>::max()})
    return std::nullopt;
  return static_cast<std::int64_t>(*u);
}

std::optional<double> as_number(const gguf_value& value) {
  if (const auto* d = std::get_if<double>(&value)) return *d;
  if (const auto i = as_integer(value)) return static_cast<double>(*i);
  return std::nullopt;
}

/// Every element of an array through `convert`, which returns nothing for a wrong type.
template <class T, class Convert>
result<std::optional<std::vector<T>>> elements(std::string_view key, const gguf_value* value,
                                               std::string_view expected, Convert convert) {
  if (value == nullptr) return std::nullopt;
  const auto* array = std::get_if<gguf_array>(value);
  if (array == nullptr) return mismatch(key, *value, expected);
  if (array->count > most_elements)
    return fail(errc::corrupt, "metadata '{}' has {} elements, more than {}", key, array->count,
                most_elements);
  std::vector<T> out;
  out.reserve(array->count);
  byte_cursor in(array->bytes);
  for (std::uint64_t i = 0; i < array->count; ++i) {
    const auto element = read_gguf_value(in, array->element, 0);
    if (!element) return fail(element.error().within(key));
    const std::optional<T> converted = convert(*element);
    if (!converted) return mismatch(key, *element, expected);
    out.push_back(*converted);
  }
  return out;
}

std::optional<std::string_view> as_text(const gguf_value& value) {
  const auto* text = std::get_if<std::string_view>(&value);
  return text == nullptr ? std::nullopt : std::optional(*text);
}

}  // namespace

result<gguf_metadata> gguf_metadata::parse(byte_cursor& in, std::uint64_t count) {
  if (count > most_entries)
    return fail(errc::corrupt, "{} metadata entries, more than {}", count, most_entries);
  gguf_metadata out;
  for (std::uint64_t i = 0; i < count; ++i) {
    const auto key = in.text();
    const auto type = in.read<std::uint32_t>();
    if (!key || !type) return fail(errc::corrupt, "the file ends inside metadata entry {}", i);
    if (key->empty() || key->size() > longest_key)
      return fail(errc::corrupt, "metadata entry {} has a key of {} bytes", i, key->size());
    const auto value = read_gguf_value(in, static_cast<gguf_type>(*type), 0);
    if (!value) return fail(value.error().within(fmt::format("metadata '{}'", *key)));
    if (!out.values_.emplace(*key, *value).second)
      return fail(errc::corrupt, "metadata '{}' is there twice", *key);
  }
  return out;
}

const gguf_value* gguf_metadata::find(std::string_view key) const {
  const auto found = values_.find(key);
  return found == values_.end() ? nullptr : &found->second;
}

result<std::optional<std::int64_t>> gguf_metadata::integer(std::string_view key) const {
  const gguf_value* value = find(key);
  if (value == nullptr) return std::nullopt;
  const auto converted = as_integer(*value);
  if (!converted) return mismatch(key, *value, "an integer of 63 bits");
  return converted;
}

result<std::optional<double>> gguf_metadata::number(std::string_view key) const {
  const gguf_value* value = find(key);
  if (value == nullptr) return std::nullopt;
  const auto converted = as_number(*value);
  if (!converted) return mismatch(key, *value, "a number");
  return converted;
}

result<std::optional<bool>> gguf_metadata::flag(std::string_view key) const {
  const gguf_value* value = find(key);
  if (value == nullptr) return std::nullopt;
  const auto* converted = std::get_if<bool>(value);
  if (converted == nullptr) return mismatch(key, *value, "a boolean");
  return *converted;
}

result<std::optional<std::string_view>> gguf_metadata::text(std::string_view key) const {
  const gguf_value* value = find(key);
  if (value == nullptr) return std::nullopt;
  const auto converted = as_text(*value);
  if (!converted) return mismatch(key, *value, "a string");
  return converted;
}

result<std::optional<std::vector<std::string_view>>> gguf_metadata::texts(
    std::string_view key) const {
  return elements<std::string_view>(key, find(key), "an array of strings", as_text);
}

result<std::optional<std::vector<std::int64_t>>> gguf_metadata::integers(
    std::string_view key) const {
  return elements<std::int64_t>(key, find(key), "an array of integers", as_integer);
}

result<std::optional<std::vector<double>>> gguf_metadata::numbers(std::string_view key) const {
  return elements<double>(key, find(key), "an array of numbers", as_number);
}

}  // namespace troupe
