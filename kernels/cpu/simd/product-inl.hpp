// A tile of 16 weight rows times rows of activations: what every matrix product here is made of.
// Declared once per instruction set; product_q8.cpp, product_f32.cpp and product.cpp define it.
#if defined(TROUPE_PRODUCT_INL) == defined(HWY_TARGET_TOGGLE)
#ifdef TROUPE_PRODUCT_INL
#undef TROUPE_PRODUCT_INL
#else
#define TROUPE_PRODUCT_INL
#endif

#include "kernels/api/matrix.hpp"
#include "kernels/cpu/simd/lanes-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace troupe::kernels::cpu::HWY_NAMESPACE {

/// Weight rows in a tile.
inline constexpr std::uint32_t tile_rows = 16;
/// Activation rows that one multiply() takes at most.
inline constexpr std::uint32_t multiply_rows = many_registers ? 8 : 4;

/// Rows [first, first + 16) of a weight matrix, made ready for products. Plain data: the memory is
/// the caller's. Rows past the matrix's end stand for its last row.
///
/// Every product of a weight row and an activation row is one chain of operations whose order
/// depends on the number of columns alone, in each of the variants below; so preparing a tile or
/// not, and the number of activation rows, never change a bit.
struct tile {
  const std::byte* rows[tile_rows];
  const matrix* w;
  std::uint32_t first;
  bool q8;
  /// Unpacked weights lie in `store`: worth it when many activation rows will meet them.
  bool unpacked;
  /// q8: scales (two floats a group and row), then the unpacked bytes. f32: the unpacked rows.
  std::byte* store;
  /// f32 only: room for 4 rows, used when not unpacked.
  float* spare;
};

/// Bytes of `store` that a tile of `w` needs.
std::size_t tile_bytes(const matrix& w, bool q8, bool unpacked);
/// Bytes of `spare` that a tile of `w` needs.
std::size_t spare_bytes(const matrix& w, bool q8);
/// True if unpacking pays for this many activation rows.
bool worth_unpacking(const matrix& w, bool q8, std::uint32_t rows);

/// Fills in `t` for rows [first, first + 16) of w.
void prepare(tile& t, const matrix& w, std::uint32_t first, bool q8, bool unpacked,
             std::byte* store, float* spare);

/// out[r * 16 + n] = x[r] . w[first + n] for r below `count` (1 .. multiply_rows). x[r] is an
/// integer row or a float32 row, as t.q8 says. `out` has room for multiply_rows rows, all of which
/// may be written.
void multiply(const tile& t, const std::byte* const* x, std::uint32_t count, float* out);

/// The two kinds of product, behind the functions above.
void prepare_q8(tile& t);
void multiply_q8(const tile& t, const std::byte* const* x, std::uint32_t count, float* out);
void prepare_f32(tile& t);
void multiply_f32(const tile& t, const std::byte* const* x, std::uint32_t count, float* out);

}  // namespace troupe::kernels::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
