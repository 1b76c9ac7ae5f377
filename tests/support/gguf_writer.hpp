#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace troupe::test {

/// Composes GGUF files, valid and not: it writes what it is told and checks nothing.
class gguf_writer {
 public:
  gguf_writer& text(std::string_view key, std::string_view value);
  gguf_writer& u32(std::string_view key, std::uint32_t value);
  gguf_writer& u64(std::string_view key, std::uint64_t value);
  gguf_writer& f32(std::string_view key, float value);
  gguf_writer& flag(std::string_view key, bool value);
  gguf_writer& texts(std::string_view key, std::span<const std::string> values);
  gguf_writer& i32s(std::string_view key, std::span<const std::int32_t> values);
  /// A value of any type number, its bytes given.
  gguf_writer& raw(std::string_view key, std::uint32_t type, std::string_view bytes);

  /// A tensor of a GGUF type number; `shape` is outermost first. It starts at the next aligned
  /// offset.
  gguf_writer& tensor(std::string_view name, std::vector<std::uint64_t> shape, std::uint32_t type,
                      std::string data);
  gguf_writer& f32_tensor(std::string_view name, std::vector<std::uint64_t> shape,
                          std::span<const float> values);

  /// Changes or drops what was added under that name; does nothing where there is none.
  gguf_writer& without_key(std::string_view key);
  gguf_writer& without_tensor(std::string_view name);
  /// Makes the tensor say that it starts there, wherever it does.
  gguf_writer& claim_offset(std::string_view name, std::uint64_t offset);
  gguf_writer& claim_shape(std::string_view name, std::vector<std::uint64_t> shape);
  gguf_writer& claim_type(std::string_view name, std::uint32_t type);

  gguf_writer& version(std::uint32_t value);
  gguf_writer& alignment(std::uint32_t value);

  [[nodiscard]] std::string build() const;
  void write(const std::filesystem::path& path) const;

 private:
  struct stored {
    std::string name;
    std::vector<std::uint64_t> shape;
    std::uint32_t type;
    std::string data;
    std::uint64_t claimed_offset;
  };
  [[nodiscard]] stored* find(std::string_view name);

  std::uint32_t version_ = 3;
  std::uint32_t alignment_ = 32;
  std::vector<std::pair<std::string, std::string>> metadata_;  ///< key; type and value as bytes
  std::vector<stored> tensors_;
};

/// A value as its little-endian bytes.
template <class T>
[[nodiscard]] std::string bytes_of(T value) {
  return {reinterpret_cast<const char*>(&value), sizeof(T)};
}

/// Bytes of a string as a parser takes them.
[[nodiscard]] inline std::span<const std::byte> as_bytes(std::string_view text) {
  return std::as_bytes(std::span(text));
}

/// Writes a new file in one go, in place of one that is there.
void write_file(const std::filesystem::path& path, std::string_view bytes);
[[nodiscard]] std::string read_file(const std::filesystem::path& path);

}  // namespace troupe::test
