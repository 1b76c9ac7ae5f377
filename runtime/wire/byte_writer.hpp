#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace troupe {

/// Builds a frame's header: little-endian values one after another, without padding. Lists come
/// with their length, as 32 bits, before them.
class byte_writer {
 public:
  static_assert(std::endian::native == std::endian::little, "frames are little-endian");

  /// `expected` bytes are set aside.
  explicit byte_writer(std::size_t expected = 0) : bytes_(expected) {}

  template <class T>
  requires std::is_arithmetic_v<T>
  void put(T value) { append(&value, sizeof(T)); }
  void put_flag(bool value) { put(static_cast<std::uint8_t>(value ? 1 : 0)); }
  void put_count(std::size_t count) { put(static_cast<std::uint32_t>(count)); }

  template <class T>
  requires std::is_arithmetic_v<T>
  void put_list(std::span<const T> values) {
    put_count(values.size());
    append(values.data(), values.size_bytes());
  }
  template <class T>
  void put_list(const std::vector<T>& values) {
    put_list(std::span<const T>(values));
  }
  void put_text(std::string_view text) { put_list(std::span<const char>(text)); }

  /// What was written; the writer is empty again.
  [[nodiscard]] std::vector<std::byte> take() {
    bytes_.resize(std::exchange(used_, 0));
    return std::exchange(bytes_, {});
  }

 private:
  void append(const void* from, std::size_t bytes) {
    if (bytes == 0) return;
    if (bytes > bytes_.size() - used_) bytes_.resize(std::max(2 * bytes_.size(), used_ + bytes));
    std::memcpy(bytes_.data() + used_, from, bytes);
    used_ += bytes;
  }

  // Sized ahead: a step's header is hundreds of small values, and growing at each would show.
  std::vector<std::byte> bytes_;
  std::size_t used_ = 0;
};

}  // namespace troupe
