#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "runtime/cache/kv_store.hpp"

namespace troupe {

/// Bytes of the keys and values of `count` positions over all layers.
[[nodiscard]] inline std::size_t kv_rows_bytes(const kv_layout& layout, std::uint32_t count) {
  return layout.position_bytes() * count;
}

/// Copies the keys and values of positions first .. first + count - 1 of a sequence out of its
/// pages: for each layer, for each KV head, keys [count, head_dim], then values [count, head_dim],
/// in the store's element type, kv_rows_bytes() in all.
///
/// `pages` is the sequence's page table and covers the positions; every entry is below
/// store.pages(). For stores in the host's memory, while nothing else writes these positions.
void gather_kv_rows(const kv_store& store, std::span<const std::int32_t> pages, std::uint32_t first,
                    std::uint32_t count, std::byte* to);

/// The reverse: writes such rows into the pages.
void scatter_kv_rows(const kv_store& store, std::span<const std::int32_t> pages,
                     std::uint32_t first, std::uint32_t count, const std::byte* from);

/// Copies all that a page holds, of every layer: layout().page_bytes(). For each layer its keys,
/// then its values, of each head in turn, as kernels::kv_layer says; the same bytes whatever the
/// number of ranks that share the heads. For stores in memory that the host can read.
void read_kv_page(const kv_store& store, std::int32_t page, std::byte* to);
/// The reverse.
void write_kv_page(const kv_store& store, std::int32_t page, const std::byte* from);

}  // namespace troupe
