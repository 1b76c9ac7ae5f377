#pragma once

#include <cstdint>

#include "runtime/cache/kv_layout.hpp"
#include "runtime/device/device.hpp"

namespace troupe {

/// The memory of a stage's KV pages, on a device. A page's keys and values of all layers lie
/// together: memory is taken page by page as sequences grow, and a page moves as one piece.
class kv_store {
 public:
  /// Reserves `pages` pages; throws std::bad_alloc. Physical memory is taken as pages are first
  /// written. One more page is there for rows that do not count.
  kv_store(device& d, const kv_layout& layout, std::uint32_t pages)
      : layout_(layout),
        pages_(pages),
        memory_(d.allocate(layout.page_bytes() * (std::size_t{pages} + 1))) {}

  [[nodiscard]] const kv_layout& layout() const { return layout_; }
  [[nodiscard]] std::uint32_t pages() const { return pages_; }
  /// The page that belongs to nobody: what is in it is never read by a row that counts.
  [[nodiscard]] std::uint32_t spare_page() const { return pages_; }

  /// The store of one of the stage's layers (0 is the stage's first), as kernels see it.
  [[nodiscard]] kernels::kv_layer layer(std::uint32_t index) const {
    const std::size_t half = layout_.half_page_bytes();
    std::byte* base = memory_.data() + half * 2 * index;
    return {base,
            base + half,
            layout_.type,
            layout_.page_size,
            layout_.kv_heads,
            layout_.head_dim,
            layout_.page_bytes() / kernels::kv_element_bytes(layout_.type)};
  }

 private:
  kv_layout layout_;
  std::uint32_t pages_;
  device_buffer memory_;
};

}  // namespace troupe
