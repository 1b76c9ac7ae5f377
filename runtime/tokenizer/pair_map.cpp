#include "runtime/tokenizer/pair_map.hpp"

#include <bit>
#include <random>

namespace troupe::text {

std::uint64_t random_key() {
  std::random_device device;
  return std::uint64_t{device()} << 32 | device();
}

// At most half full, so that an unsuccessful look-up probes little.
pair_map::pair_map(std::size_t entries)
    : slots_(std::bit_ceil(entries * 2 + 2), entry{vacant, {}}),
      mask_(slots_.size() - 1),
      key_(random_key()),
      multiplier_(random_key() | 1U) {}

bool pair_map::insert(std::uint32_t a, std::uint32_t b, value v) {
  const std::uint64_t key = std::uint64_t{a} << 32 | b;
  std::size_t i = slot_of(key);
  for (; slots_[i].key != vacant; i = (i + 1) & mask_)
    if (slots_[i].key == key) return false;
  slots_[i] = {key, v};
  return true;
}

}  // namespace troupe::text
