#include "runtime/cache/kv_rows.hpp"

#include <algorithm>
#include <cstring>

namespace troupe {
namespace {

using kernels::key_strip;

/// One element from one place to another. The size is known to the compiler: a load and a store.
template <std::size_t Bytes>
void copy_element(std::byte* to, const std::byte* from) {
  std::memcpy(to, from, Bytes);
}

/// `count` key rows, `head_dim` long, out of a strip; `strip` is the first element of the first.
template <std::size_t Bytes>
void from_strip(const std::byte* strip, std::uint32_t count, std::uint32_t head_dim,
                std::byte* to) {
  for (std::uint32_t row = 0; row < count; ++row) {
    const std::byte* at = strip + row * Bytes;
    for (std::uint32_t d = 0; d < head_dim; ++d, to += Bytes, at += key_strip * Bytes)
      copy_element<Bytes>(to, at);
  }
}

template <std::size_t Bytes>
void into_strip(std::byte* strip, std::uint32_t count, std::uint32_t head_dim,
                const std::byte* from) {
  for (std::uint32_t row = 0; row < count; ++row) {
    std::byte* at = strip + row * Bytes;
    for (std::uint32_t d = 0; d < head_dim; ++d, from += Bytes, at += key_strip * Bytes)
      copy_element<Bytes>(at, from);
  }
}

/// Positions that lie together: within one strip of one page, for one head of one layer.
struct stretch {
  std::byte* keys = nullptr;  ///< the first position's first element in its strip
  std::byte* values = nullptr;
  std::size_t key_rows = 0;  ///< where its rows are among the flat bytes
  std::size_t value_rows = 0;
  std::uint32_t count = 0;
};

/// Calls f for each stretch of the positions, over all heads of all layers.
template <std::size_t Bytes, class F>
void each_stretch(const kv_store& store, std::span<const std::int32_t> pages, std::uint32_t first,
                  std::uint32_t count, const F& f) {
  const kv_layout& layout = store.layout();
  const std::size_t row = layout.head_dim * Bytes;
  const std::uint32_t end = first + count;
  std::size_t at = 0;
  for (std::uint32_t index = 0; index < layout.layers; ++index) {
    for (std::uint32_t h = 0; h < layout.kv_heads; ++h, at += 2 * row * count) {
      const std::uint32_t own = store.rank_layout().kv_heads;
      const kernels::kv_layer layer = store.layer_of(h / own, index);
      const std::uint32_t head = h % own;
      for (std::uint32_t p = first; p < end;) {
        const auto page = static_cast<std::size_t>(pages[p / layout.page_size]);
        const std::uint32_t slot = p % layout.page_size;
        stretch s;
        s.keys = layer.keys + layer.key_at(page, head, slot) * Bytes;
        s.values = layer.values + layer.value_at(page, head, slot) * Bytes;
        s.key_rows = at + (p - first) * row;
        s.value_rows = s.key_rows + row * count;
        s.count = std::min(end - p, key_strip - slot % key_strip);
        f(s);
        p += s.count;
      }
    }
  }
}

template <std::size_t Bytes>
void gather(const kv_store& store, std::span<const std::int32_t> pages, std::uint32_t first,
            std::uint32_t count, std::byte* to) {
  const std::uint32_t dim = store.layout().head_dim;
  each_stretch<Bytes>(store, pages, first, count, [&](const stretch& s) {
    from_strip<Bytes>(s.keys, s.count, dim, to + s.key_rows);
    std::memcpy(to + s.value_rows, s.values, s.count * dim * Bytes);
  });
}

template <std::size_t Bytes>
void scatter(const kv_store& store, std::span<const std::int32_t> pages, std::uint32_t first,
             std::uint32_t count, const std::byte* from) {
  const std::uint32_t dim = store.layout().head_dim;
  each_stretch<Bytes>(store, pages, first, count, [&](const stretch& s) {
    into_strip<Bytes>(s.keys, s.count, dim, from + s.key_rows);
    std::memcpy(s.values, from + s.value_rows, s.count * dim * Bytes);
  });
}

}  // namespace

void gather_kv_rows(const kv_store& store, std::span<const std::int32_t> pages, std::uint32_t first,
                    std::uint32_t count, std::byte* to) {
  if (store.layout().type == kernels::kv_type::f16) {
    gather<2>(store, pages, first, count, to);
  } else {
    gather<4>(store, pages, first, count, to);
  }
}

void scatter_kv_rows(const kv_store& store, std::span<const std::int32_t> pages,
                     std::uint32_t first, std::uint32_t count, const std::byte* from) {
  if (store.layout().type == kernels::kv_type::f16) {
    scatter<2>(store, pages, first, count, from);
  } else {
    scatter<4>(store, pages, first, count, from);
  }
}

namespace {

/// Calls f(the page's bytes in the store, where they are in the page's own form, how many).
template <class F>
void each_part(const kv_store& store, std::int32_t page, const F& f) {
  const std::size_t bytes = store.rank_layout().page_bytes();
  const std::size_t at = bytes * static_cast<std::size_t>(page);
  if (store.ranks() == 1) return f(store.layer_of(0, 0).keys + at, std::size_t{0}, bytes);
  // Heads are what a half of a layer's page is divided by first.
  const std::size_t half = store.rank_layout().half_page_bytes();
  for (std::uint32_t rank = 0; rank < store.ranks(); ++rank) {
    std::byte* const own = store.layer_of(rank, 0).keys + at;
    for (std::uint32_t i = 0; i < 2 * store.layout().layers; ++i)
      f(own + i * half, (std::size_t{i} * store.ranks() + rank) * half, half);
  }
}

}  // namespace

void read_kv_page(const kv_store& store, std::int32_t page, std::byte* to) {
  each_part(store, page, [&](const std::byte* own, std::size_t at, std::size_t bytes) {
    std::memcpy(to + at, own, bytes);
  });
}

void write_kv_page(const kv_store& store, std::int32_t page, const std::byte* from) {
  each_part(store, page, [&](std::byte* own, std::size_t at, std::size_t bytes) {
    std::memcpy(own, from + at, bytes);
  });
}

}  // namespace troupe
