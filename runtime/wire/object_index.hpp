#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace troupe {

/// The number of no object.
inline constexpr std::uint32_t no_object = 0xffffffff;

/// Numbers distinct objects in the order in which they come: objects that a message names more than
/// once are written once. One allocation for at most `most` objects.
template <class T>
class object_index {
 public:
  explicit object_index(std::size_t most) : table_(std::bit_ceil(2 * most + 1), no_object) {
    objects_.reserve(most);
  }

  /// The object's number; `no_object` for null.
  std::uint32_t add(const T* object) {
    if (object == nullptr) return no_object;
    if (!objects_.empty() && objects_.back() == object) return count() - 1;
    const std::size_t mask = table_.size() - 1;
    std::size_t at = hash(object) & mask;
    for (; table_[at] != no_object; at = (at + 1) & mask)
      if (objects_[table_[at]] == object) return table_[at];
    table_[at] = count();
    objects_.push_back(object);
    return table_[at];
  }
  [[nodiscard]] const std::vector<const T*>& objects() const { return objects_; }

 private:
  [[nodiscard]] std::uint32_t count() const { return static_cast<std::uint32_t>(objects_.size()); }
  [[nodiscard]] static std::size_t hash(const T* object) {
    return (reinterpret_cast<std::uintptr_t>(object) * 0x9E3779B97F4A7C15ULL) >> 32U;
  }

  std::vector<const T*> objects_;
  std::vector<std::uint32_t> table_;  ///< open addressing; numbers of objects
};

}  // namespace troupe
