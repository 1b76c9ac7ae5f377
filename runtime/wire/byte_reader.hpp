#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "runtime/base/result.hpp"

namespace troupe {

/// Reads what byte_writer wrote, from bytes that nobody vouches for.
///
/// The first thing that is wrong stays as the reader's error; from then on every read gives zeros
/// and empty lists. So a decoder reads on and asks ok() before it acts on what it read, and once
/// for each element of a loop. No length is believed before it was held against what is left:
/// nothing larger than the input, but for the size of the elements in memory, is allocated.
class byte_reader {
 public:
  static_assert(std::endian::native == std::endian::little, "frames are little-endian");

  /// `frame` says in errors what is being read; it must outlive the reader.
  byte_reader(std::span<const std::byte> bytes, std::string_view frame)
      : bytes_(bytes), frame_(frame) {}

  template <class T>
  requires std::is_arithmetic_v<T>
  [[nodiscard]] T get(std::string_view what) {
    T value{};
    if (has(sizeof(T), what)) copy(&value, sizeof(T));
    return value;
  }
  /// A byte that is 0 or 1.
  [[nodiscard]] bool get_flag(std::string_view what) {
    const auto value = get<std::uint8_t>(what);
    if (value > 1) refuse(errc::corrupt, "{}: {} is neither 0 nor 1", what, value);
    return value == 1;
  }
  /// The length of a list of at most `most` elements, each of which takes at least `least_bytes`.
  [[nodiscard]] std::uint32_t get_count(std::string_view what, std::size_t least_bytes,
                                        std::size_t most = no_limit) {
    const auto count = get<std::uint32_t>(what);
    if (count > most) {
      refuse(errc::out_of_range, "{}: {} of them, at most {} may be", what, count, most);
      return 0;
    }
    return has(count * least_bytes, what) ? count : 0;
  }
  template <class T>
  requires std::is_arithmetic_v<T>
  [[nodiscard]] std::vector<T> get_list(std::string_view what, std::size_t most = no_limit) {
    std::vector<T> values(get_count(what, sizeof(T), most));
    copy(values.data(), values.size() * sizeof(T));
    return values;
  }
  [[nodiscard]] std::string get_text(std::string_view what, std::size_t most);

  /// Something read makes no sense. The first refusal counts.
  template <class... Args>
  void refuse(errc code, fmt::format_string<Args...> why, Args&&... args) {
    if (ok()) refuse_with(code, fmt::format(why, std::forward<Args>(args)...));
  }

  [[nodiscard]] bool ok() const { return !error_; }
  [[nodiscard]] std::size_t remaining() const { return bytes_.size() - position_; }
  /// Whether all went well and nothing is left over.
  [[nodiscard]] result<void> finish();

 private:
  static constexpr std::size_t no_limit = std::numeric_limits<std::uint32_t>::max();

  [[nodiscard]] bool has(std::size_t bytes, std::string_view what) {
    if (bytes <= remaining() && ok()) return true;
    refuse(errc::corrupt, "{}: {} bytes expected at {}, {} are left", what, bytes, position_,
           remaining());
    return false;
  }
  void copy(void* to, std::size_t bytes) {
    if (bytes == 0) return;
    std::memcpy(to, bytes_.data() + position_, bytes);
    position_ += bytes;
  }
  void refuse_with(errc code, const std::string& why);

  std::span<const std::byte> bytes_;
  std::string_view frame_;
  std::size_t position_ = 0;
  std::optional<error> error_;
};

}  // namespace troupe
