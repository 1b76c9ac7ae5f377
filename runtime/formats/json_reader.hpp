#pragma once

#include <boost/json/value.hpp>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "runtime/base/result.hpp"

namespace troupe {

/// Sizes that no honest file of its kind comes near; a larger one is refused before it is parsed.
inline constexpr std::size_t largest_config_json = std::size_t{16} << 20U;
inline constexpr std::size_t largest_tokenizer_json = std::size_t{128} << 20U;

/// Parses one JSON text, at most 32 levels deep. Fails with `corrupt`, giving the byte.
[[nodiscard]] result<boost::json::value> parse_json(std::string_view text);

/// Parses a file whose outermost value is an object. Fails with `not_found`, `io_error`, `corrupt`
/// or, above `most_bytes`, `out_of_range`; messages begin with the file's name without its folder.
[[nodiscard]] result<boost::json::value> read_json_file(const std::filesystem::path& path,
                                                        std::size_t most_bytes);

/// A key that one object of the text holds twice, or nothing; also nothing where the text is not
/// JSON. (A parsed value keeps only the last of such members.)
[[nodiscard]] std::optional<std::string> duplicate_key(std::string_view text);

/// Reads members of a JSON object and keeps the first failure, so that a reader asks for every
/// member in turn and looks for trouble once. A member that is null counts as absent.
class json_fields {
 public:
  /// Borrows `object`; `where` begins the messages.
  json_fields(const boost::json::object& object, std::string_view where)
      : object_(&object), where_(where) {}

  /// Null where the member is absent.
  [[nodiscard]] const boost::json::value* find(std::string_view key) const;
  [[nodiscard]] bool has(std::string_view key) const { return find(key) != nullptr; }

  /// A whole number from 0 to 2^32 - 1; a failure where it is absent and there is no fallback.
  [[nodiscard]] std::uint32_t count(std::string_view key,
                                    std::optional<std::uint32_t> fallback = std::nullopt);
  /// A finite number.
  [[nodiscard]] std::optional<double> number(std::string_view key);
  [[nodiscard]] bool flag(std::string_view key, bool fallback);
  [[nodiscard]] std::string_view text(std::string_view key, std::string_view fallback);
  /// Null where absent.
  [[nodiscard]] const boost::json::object* object(std::string_view key);
  [[nodiscard]] const boost::json::array* array(std::string_view key);

  /// The first failure so far.
  [[nodiscard]] const std::optional<error>& failure() const { return failure_; }

 private:
  void mismatch(std::string_view key, std::string_view expected);

  const boost::json::object* object_;
  std::string where_;
  std::optional<error> failure_;
};

/// A JSON number as a whole number from 0 to 2^32 - 1, or nothing.
[[nodiscard]] std::optional<std::uint32_t> as_count(const boost::json::value& value);

}  // namespace troupe
