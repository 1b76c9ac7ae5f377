#include "runtime/formats/json_reader.hpp"

#include <boost/json/monotonic_resource.hpp>
#include <boost/json/parser.hpp>
#include <cmath>
#include <limits>
#include <utility>

#include "runtime/base/mapped_file.hpp"

namespace troupe {
namespace json = boost::json;

result<json::value> parse_json(std::string_view text) {
  json::parser parser;
  // Values of one text live and die together.
  parser.reset(json::make_shared_resource<json::monotonic_resource>());
  boost::system::error_code failure;
  const std::size_t read = parser.write_some(text, failure);
  if (failure == json::error::incomplete)
    return fail(errc::corrupt, "the JSON text ends too early");
  if (failure) return fail(errc::corrupt, "not JSON at byte {}: {}", read, failure.message());
  if (const std::size_t rest = text.find_first_not_of(" \t\r\n", read);
      rest != std::string_view::npos)
    return fail(errc::corrupt, "not JSON at byte {}: more after the end", rest);
  return parser.release();
}

result<json::value> read_json_file(const std::filesystem::path& path, std::size_t most_bytes) {
  const std::string name = path.filename().string();
  std::error_code ignored;
  if (!std::filesystem::exists(path, ignored)) return fail(errc::not_found, "{} is missing", name);
  const auto file = mapped_file::open(path);
  if (!file) return fail(file.error());
  const auto bytes = file->bytes();
  if (bytes.size() > most_bytes)
    return fail(errc::out_of_range, "{} has {} bytes, more than {}", name, bytes.size(),
                most_bytes);
  auto value = parse_json({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
  if (!value) return fail(value.error().within(name));
  if (!value->is_object()) return fail(errc::corrupt, "{}: not a JSON object", name);
  return value;
}

std::optional<std::uint32_t> as_count(const json::value& value) {
  constexpr std::uint32_t most = std::numeric_limits<std::uint32_t>::max();
  if (value.is_int64() && value.get_int64() >= 0 && value.get_int64() <= most)
    return static_cast<std::uint32_t>(value.get_int64());
  if (!value.is_double()) return std::nullopt;  // a uint64 here is one that int64 cannot hold
  const double number = value.get_double();
  if (!(number >= 0) || number > most || number != std::floor(number)) return std::nullopt;
  return static_cast<std::uint32_t>(number);
}

const json::value* json_fields::find(std::string_view key) const {
  const json::value* const value = object_->if_contains(key);
  return value == nullptr || value->is_null() ? nullptr : value;
}

void json_fields::mismatch(std::string_view key, std::string_view expected) {
  if (!failure_)
    failure_ = error(errc::corrupt, fmt::format("{}: '{}' is not {}", where_, key, expected));
}

std::uint32_t json_fields::count(std::string_view key, std::optional<std::uint32_t> fallback) {
  const json::value* const value = find(key);
  if (value == nullptr) {
    if (!fallback && !failure_)
      failure_ = error(errc::corrupt, fmt::format("{}: '{}' is missing", where_, key));
    return fallback.value_or(0);
  }
  const auto number = as_count(*value);
  if (!number) mismatch(key, "a whole number");
  return number.value_or(0);
}

std::optional<double> json_fields::number(std::string_view key) {
  const json::value* const value = find(key);
  if (value == nullptr) return std::nullopt;
  boost::system::error_code failure;
  const auto number = value->to_number<double>(failure);
  if (!failure && std::isfinite(number)) return number;
  mismatch(key, "a number");
  return std::nullopt;
}

bool json_fields::flag(std::string_view key, bool fallback) {
  const json::value* const value = find(key);
  if (value == nullptr) return fallback;
  if (const bool* const found = value->if_bool()) return *found;
  mismatch(key, "true or false");
  return fallback;
}

std::string_view json_fields::text(std::string_view key, std::string_view fallback) {
  const json::value* const value = find(key);
  if (value == nullptr) return fallback;
  if (const json::string* const found = value->if_string()) return {found->data(), found->size()};
  mismatch(key, "a string");
  return fallback;
}

const json::object* json_fields::object(std::string_view key) {
  const json::value* const value = find(key);
  if (value == nullptr) return nullptr;
  if (!value->is_object()) mismatch(key, "an object");
  return value->if_object();
}

const json::array* json_fields::array(std::string_view key) {
  const json::value* const value = find(key);
  if (value == nullptr) return nullptr;
  if (!value->is_array()) mismatch(key, "an array");
  return value->if_array();
}

}  // namespace troupe
