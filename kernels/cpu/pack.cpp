#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/pack.cpp"
#include "hwy/foreach_target.h"  // IWYU pragma: keep
//
#include "kernels/cpu/bodies.hpp"
#include "kernels/cpu/simd/dequantise-inl.hpp"
#include "kernels/cpu/simd/packed-inl.hpp"
#include "kernels/cpu/simd/product-inl.hpp"

// File order to packed order: quants by way of the vectors that products read, scales byte by byte.

HWY_BEFORE_NAMESPACE();
namespace troupe::kernels::cpu::HWY_NAMESPACE {
namespace {

/// The rows of a tile in file order; those past the matrix's end stand for its last row.
struct file_rows {
  const std::byte* row[tile_rows];

  file_rows(const matrix& w, std::uint32_t first) {
    const std::size_t bytes = row_bytes(w.type, w.cols);
    for (std::uint32_t n = 0; n < tile_rows; ++n)
      row[n] = w.data + bytes * (first + n < w.rows ? first + n : w.rows - 1);
  }
};

/// `bytes` bytes at `from` of every row's block, row index fastest.
void gather(const file_rows& rows, std::size_t from, std::size_t bytes, std::byte* to) {
  for (std::uint32_t n = 0; n < tile_rows; ++n)
    std::memcpy(to + n * bytes, rows.row[n] + from, bytes);
}

void pack_header(packed_q4_k, const file_rows& rows, std::size_t block, std::byte* to) {
  gather(rows, block * 144, 2, to);
  gather(rows, block * 144 + 2, 2, to + 32);
}
void pack_header(packed_q6_k, const file_rows& rows, std::size_t block, std::byte* to) {
  gather(rows, block * 210 + 208, 2, to);
}
template <class Packed>
void pack_header(Packed, const file_rows&, std::size_t, std::byte*) {}

void pack_scales(packed_q4_0, const file_rows& rows, std::size_t g, std::byte* to) {
  gather(rows, g * 18, 2, to);
}
void pack_scales(packed_q4_1, const file_rows& rows, std::size_t g, std::byte* to) {
  gather(rows, g * 20, 2, to);
  gather(rows, g * 20 + 2, 2, to + 32);
}
void pack_scales(packed_q8_0, const file_rows& rows, std::size_t g, std::byte* to) {
  gather(rows, g * 34, 2, to);
}
void pack_scales(packed_q4_k, const file_rows& rows, std::size_t g, std::byte* to) {
  for (std::uint32_t n = 0; n < tile_rows; ++n) {
    const q4_k_scales s = unpack_q4_k_scales(rows.row[n] + g / 8 * 144 + 4);
    to[n] = std::byte{s.scale[g % 8]};
    to[tile_rows + n] = std::byte{s.min[g % 8]};
  }
}
void pack_scales(packed_q6_k, const file_rows& rows, std::size_t g, std::byte* to) {
  const std::size_t from = g / 8 * 210 + 192 + g % 8 * 2;
  gather(rows, from, 1, to);
  gather(rows, from + 1, 1, to + tile_rows);
}

template <class Packed>
void pack_rows(Packed, const file_rows& rows, std::uint32_t cols, std::byte* to) {
  constexpr packed_format format = Packed::format;
  for (std::size_t g = 0; g < cols / q8_group;) {
    pack_header(Packed(), rows, g / format.groups, to);
    to += format.header_bytes;
    for (std::uint32_t i = 0; i < format.groups; ++i, ++g, to += format.group_bytes()) {
      for (std::size_t lane = 0; lane < tile_rows; lane += lanes) {
        ints w[8];
        Packed::source::load(rows.row + lane, g, w);
        Packed::store(w, lane, to);
      }
      pack_scales(Packed(), rows, g, to + format.quant_bytes);
    }
  }
}

void pack_items(const void* params, std::uint32_t begin, std::uint32_t end, const worker&) {
  const auto& p = *static_cast<const pack_params*>(params);
  const std::size_t bytes = packed_format_of(p.from.type).tile_bytes(p.from.cols);
  for (std::uint32_t i = begin; i < end; ++i) pack_tile(p.from, i * tile_rows, p.to + i * bytes);
}

}  // namespace

void pack_tile(const matrix& w, std::uint32_t first, std::byte* to) {
  const file_rows rows(w, first);
  with_packed(w.type, [&](auto packed) { pack_rows(packed, rows, w.cols, to); });
}

}  // namespace troupe::kernels::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace troupe::kernels::cpu {
HWY_EXPORT(pack_items);
task::body_fn pack_body() { return &HWY_DYNAMIC_DISPATCH(pack_items); }
}  // namespace troupe::kernels::cpu
#endif
