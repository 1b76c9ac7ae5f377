#pragma once

#include <cstdint>
#include <stdexcept>
#include <vector>

#include "runtime/cache/kv_layout.hpp"
#include "runtime/device/device.hpp"

namespace troupe {

/// The memory of a stage's KV pages, on a device. A page's keys and values of all layers lie
/// together: memory is taken page by page as sequences grow, and a page moves as one piece.
///
/// Where several ranks are the device, each has consecutive heads of every page in its own memory,
/// laid out as a store of those heads alone: 1 / ranks of the bytes.
class kv_store {
 public:
  /// Reserves `pages` pages; throws std::bad_alloc, and std::invalid_argument where the device's
  /// ranks cannot share the heads evenly. Physical memory is taken as pages are first written. One
  /// more page is there for rows that do not count.
  kv_store(device& d, const kv_layout& layout, std::uint32_t pages)
      : layout_(layout),
        own_(checked(layout, d.ranks()).divided(d.ranks())),
        pages_(pages),
        memory_(d.allocate(own_.page_bytes() * (std::size_t{pages} + 1))) {
    for (std::uint32_t rank = 0; rank < d.ranks(); ++rank)
      bases_.push_back(d.on_rank(memory_.data(), rank));
  }

  /// Of whole pages, whatever the ranks.
  [[nodiscard]] const kv_layout& layout() const { return layout_; }
  [[nodiscard]] std::uint32_t pages() const { return pages_; }
  /// The page that belongs to nobody: what is in it is never read by a row that counts.
  [[nodiscard]] std::uint32_t spare_page() const { return pages_; }

  /// The store of one of the stage's layers (0 is the stage's first), as the device's kernels see
  /// it: of all heads, whose bytes only a device of one rank has in one place.
  [[nodiscard]] kernels::kv_layer layer(std::uint32_t index) const {
    kernels::kv_layer whole = layer_of(0, index);
    whole.kv_heads = layout_.kv_heads;
    return whole;
  }

  [[nodiscard]] std::uint32_t ranks() const { return static_cast<std::uint32_t>(bases_.size()); }
  /// Of the pages as each rank has them.
  [[nodiscard]] const kv_layout& rank_layout() const { return own_; }
  /// A layer in a rank's memory: rank_layout().kv_heads heads.
  [[nodiscard]] kernels::kv_layer layer_of(std::uint32_t rank, std::uint32_t index) const {
    const std::size_t half = own_.half_page_bytes();
    std::byte* base = bases_[rank] + half * 2 * index;
    return {base,
            base + half,
            own_.type,
            own_.page_size,
            own_.kv_heads,
            own_.head_dim,
            own_.page_bytes() / kernels::kv_element_bytes(own_.type)};
  }

 private:
  static const kv_layout& checked(const kv_layout& layout, std::uint32_t ranks) {
    if (layout.kv_heads % ranks != 0)
      throw std::invalid_argument("the KV heads cannot be divided among the device's ranks");
    return layout;
  }

  kv_layout layout_;
  kv_layout own_;
  std::uint32_t pages_;
  device_buffer memory_;
  std::vector<std::byte*> bases_;  ///< by rank
};

}  // namespace troupe
