#pragma once

#include <cstddef>
#include <limits>
#include <memory>
#include <new>
#include <optional>
#include <span>

namespace troupe {

/// Owned bytes, not initialised, aligned to 64.
class aligned_bytes {
 public:
  static constexpr std::size_t alignment = 64;

  aligned_bytes() = default;
  /// Throws std::bad_alloc.
  explicit aligned_bytes(std::size_t size)
      : size_(size),
        data_(size == 0
                  ? nullptr
                  : static_cast<std::byte*>(::operator new(size, std::align_val_t(alignment)))) {}

  /// Nothing where there is not so much memory: for sizes that somebody else chose.
  [[nodiscard]] static std::optional<aligned_bytes> allocate(std::size_t size) {
    aligned_bytes made;
    if (size == 0) return made;
    // libstdc++ rounds up to the alignment, from here on past zero.
    if (size > std::numeric_limits<std::size_t>::max() - alignment) return std::nullopt;
    made.size_ = size;
    made.data_.reset(
        static_cast<std::byte*>(::operator new(size, std::align_val_t(alignment), std::nothrow)));
    if (made.data_ == nullptr) return std::nullopt;
    return made;
  }

  [[nodiscard]] std::byte* data() const { return data_.get(); }
  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] std::span<std::byte> span() const { return {data_.get(), size_}; }

 private:
  struct release {
    void operator()(std::byte* p) const { ::operator delete(p, std::align_val_t(alignment)); }
  };
  std::size_t size_ = 0;
  std::unique_ptr<std::byte, release> data_;
};

}  // namespace troupe
