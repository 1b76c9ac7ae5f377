#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string_view>
#include <type_traits>

namespace troupe {

/// Reads little-endian values from bytes that nobody vouches for. Every read is bounds-checked:
/// nothing is returned, and nothing is consumed, where the bytes do not suffice.
class byte_cursor {
 public:
  explicit byte_cursor(std::span<const std::byte> bytes) : bytes_(bytes) {}

  [[nodiscard]] std::uint64_t position() const { return position_; }
  [[nodiscard]] std::uint64_t remaining() const { return bytes_.size() - position_; }

  template <class T>
  requires std::is_arithmetic_v<T>
  [[nodiscard]] std::optional<T> read() {
    static_assert(std::endian::native == std::endian::little, "model files are little-endian");
    const auto raw = take(sizeof(T));
    if (!raw) return std::nullopt;
    T value;
    std::memcpy(&value, raw->data(), sizeof(T));
    return value;
  }

  [[nodiscard]] std::optional<std::span<const std::byte>> take(std::uint64_t count) {
    if (count > remaining()) return std::nullopt;
    const auto taken = bytes_.subspan(position_, count);
    position_ += count;
    return taken;
  }

  /// A 64-bit length, then that many bytes (a GGUF string).
  [[nodiscard]] std::optional<std::string_view> text() {
    const std::uint64_t start = position_;
    if (const auto length = read<std::uint64_t>()) {
      if (const auto raw = take(*length))
        return std::string_view(reinterpret_cast<const char*>(raw->data()), raw->size());
    }
    position_ = start;
    return std::nullopt;
  }

 private:
  std::span<const std::byte> bytes_;
  std::uint64_t position_ = 0;
};

}  // namespace troupe
