#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace troupe::text {

/// A key for hash tables over data from files, drawn anew for each table, so that no file can be
/// made whose entries all collide.
[[nodiscard]] std::uint64_t random_key();

/// A flat hash table from pairs of 32-bit numbers to pairs of 32-bit numbers. Built once, then read
/// by any thread.
class pair_map {
 public:
  struct value {
    std::uint32_t first = 0;
    std::uint32_t second = 0;
  };

  /// Room for `entries` of them; insert no more.
  explicit pair_map(std::size_t entries);

  /// False, changing nothing, if the pair is there already. (0xFFFFFFFF, 0xFFFFFFFF) is no key.
  bool insert(std::uint32_t a, std::uint32_t b, value v);

  /// The value of (a, b), or nullptr; valid until the map goes.
  [[nodiscard]] const value* find(std::uint32_t a, std::uint32_t b) const {
    const std::uint64_t wanted = std::uint64_t{a} << 32 | b;
    for (std::size_t i = slot_of(wanted);; i = (i + 1) & mask_) {
      const entry& e = slots_[i];
      if (e.key == wanted) return &e.val;
      if (e.key == vacant) return nullptr;
    }
  }

 private:
  struct entry {
    std::uint64_t key;
    value val;
  };
  static constexpr std::uint64_t vacant = ~std::uint64_t{0};

  [[nodiscard]] std::size_t slot_of(std::uint64_t key) const {
    std::uint64_t h = (key ^ key_) * 0x9E3779B97F4A7C15ULL;
    h = (h ^ (h >> 32)) * multiplier_;
    return static_cast<std::size_t>(h >> 32) & mask_;
  }

  std::vector<entry> slots_;
  std::size_t mask_;
  std::uint64_t key_;
  std::uint64_t multiplier_;
};

}  // namespace troupe::text
