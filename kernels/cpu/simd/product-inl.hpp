// A tile of 16 weight rows times rows of activations: what every matrix product here is made of.
// Declared once per instruction set; pack.cpp, product_q8.cpp, product_f32.cpp and product.cpp
// define it.
#if defined(TROUPE_PRODUCT_INL) == defined(HWY_TARGET_TOGGLE)
#ifdef TROUPE_PRODUCT_INL
#undef TROUPE_PRODUCT_INL
#else
#define TROUPE_PRODUCT_INL
#endif

#include "kernels/api/matrix.hpp"
#include "kernels/cpu/packed_format.hpp"
#include "kernels/cpu/simd/lanes-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace troupe::kernels::cpu::HWY_NAMESPACE {

/// Activation rows that one multiply() takes at most.
inline constexpr std::uint32_t multiply_rows = 32;

/// How tiles of one matrix are made ready, and the memory that each needs for it.
struct tile_plan {
  bool q8 = false;  ///< integer activations
  /// Float32 activations: weights are turned into float32 first, for many activation rows.
  bool unpacked = false;
  std::size_t store_bytes = 0;  ///< a tile's own
  std::size_t spare_bytes = 0;  ///< may be shared by tiles, as only products use it
};

/// Tiles of `w` for `rows` activation rows, when a tile may take `scratch` bytes of memory.
tile_plan plan_tiles(const matrix& w, bool q8, std::uint32_t rows, std::size_t scratch);

/// Rows [first, first + 16) of a weight matrix, made ready for products. Plain data: the memory is
/// the caller's. Rows past the matrix's end stand for its last row.
///
/// Every product of a weight row and an activation row is one chain of operations whose order
/// depends on the number of columns alone, in each of the variants below; so neither the layout nor
/// the number of activation rows ever changes a bit.
struct tile {
  const matrix* w;
  std::uint32_t first;
  bool q8;
  /// Integer activations: the tile in packed order.
  const std::byte* packed;
  /// Float32 activations: the rows, in file order or unpacked into `store`.
  const std::byte* rows[tile_rows];
  bool unpacked;
  std::byte* store;
  float* spare;  ///< room for 4 rows, used when not unpacked
};

/// Fills in `t` for rows [first, first + 16) of w.
void prepare(tile& t, const matrix& w, std::uint32_t first, const tile_plan& plan, std::byte* store,
             float* spare);

/// out[r * 16 + n] = x[r] . w[first + n] for r below `count` (1 .. multiply_rows). x[r] is an
/// integer row or a float32 row, as t.q8 says. `out` has room for multiply_rows rows, all of which
/// may be written.
void multiply(const tile& t, const std::byte* const* x, std::uint32_t count, float* out);

/// Two tiles of the same width and the same kind of activation at once, which reads the activations
/// once for both: out_a and out_b as from multiply().
void multiply_two(const tile& a, const tile& b, const std::byte* const* x, std::uint32_t count,
                  float* out_a, float* out_b);

/// Rows [first, first + 16) of `w`, which is in file order, to packed order.
void pack_tile(const matrix& w, std::uint32_t first, std::byte* to);

/// The kinds of product behind the functions above.
void multiply_q8(const tile& t, const std::byte* const* x, std::uint32_t count, float* out);
void multiply_two_q8(const tile& a, const tile& b, const std::byte* const* x, std::uint32_t count,
                     float* out_a, float* out_b);
void prepare_f32(tile& t);
void multiply_f32(const tile& t, const std::byte* const* x, std::uint32_t count, float* out);

}  // namespace troupe::kernels::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
