#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "runtime/base/result.hpp"
#include "runtime/formats/byte_cursor.hpp"

namespace troupe {

/// Value types of GGUF metadata, numbered as in the GGUF v3 specification.
enum class gguf_type : std::uint32_t {
  u8,
  i8,
  u16,
  i16,
  u32,
  i32,
  f32,
  boolean,
  string,
  array,
  u64,
  i64,
  f64
};

/// An array left where it lies in the file; its extent has been checked.
struct gguf_array {
  gguf_type element = gguf_type::u8;
  std::uint64_t count = 0;
  std::span<const std::byte> bytes;
};

/// One metadata value. Strings and arrays are views into the file.
using gguf_value =
    std::variant<std::uint64_t, std::int64_t, double, bool, std::string_view, gguf_array>;

/// The key-value part of a GGUF file. Views stay valid as long as the bytes that were parsed.
///
/// Typed access returns nothing where the key is absent, and fails with `corrupt`, naming the key,
/// where its value has another type or does not fit.
class gguf_metadata {
 public:
  /// Parses `count` entries and leaves the cursor behind them.
  [[nodiscard]] static result<gguf_metadata> parse(byte_cursor& in, std::uint64_t count);

  [[nodiscard]] bool contains(std::string_view key) const { return values_.contains(key); }
  [[nodiscard]] std::size_t size() const { return values_.size(); }

  [[nodiscard]] result<std::optional<std::int64_t>> integer(std::string_view key) const;
  [[nodiscard]] result<std::optional<double>> number(std::string_view key) const;
  [[nodiscard]] result<std::optional<bool>> flag(std::string_view key) const;
  [[nodiscard]] result<std::optional<std::string_view>> text(std::string_view key) const;
  [[nodiscard]] result<std::optional<std::vector<std::string_view>>> texts(
      std::string_view key) const;
  [[nodiscard]] result<std::optional<std::vector<std::int64_t>>> integers(
      std::string_view key) const;
  [[nodiscard]] result<std::optional<std::vector<double>>> numbers(std::string_view key) const;

 private:
  [[nodiscard]] const gguf_value* find(std::string_view key) const;

  std::map<std::string_view, gguf_value> values_;
};

}  // namespace troupe
