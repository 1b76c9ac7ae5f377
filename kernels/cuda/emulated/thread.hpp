#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "kernels/cuda/body/portable.hpp"

namespace troupe::kernels::cuda {

class emulated_block;

/// A 16 x 16 tile of sums, spread over a warp: lane l has columns l % 2 * 8 .. + 8 of row l / 2.
struct emulated_fragment {
  static constexpr std::uint32_t elements = 8;
  float x[elements] = {};
};

/// A 16 x 16 tile of BF16 numbers, read where it lies.
struct emulated_operand {
  const std::uint16_t* at = nullptr;
  std::uint32_t stride = 0;
};

/// What a kernel's body sees of a GPU thread, here a fiber of an emulated block. The device has the
/// same members (kernels/cuda/device/thread.cuh).
class emulated_thread {
 public:
  using fragment = emulated_fragment;

  emulated_thread(emulated_block& block, std::uint32_t thread) : block_(block), thread_(thread) {}

  /// The block's place in the grid.
  [[nodiscard]] std::uint32_t x() const;
  [[nodiscard]] std::uint32_t y() const;
  [[nodiscard]] std::uint32_t z() const;
  [[nodiscard]] std::uint32_t thread() const { return thread_; }
  [[nodiscard]] std::uint32_t threads() const;
  [[nodiscard]] std::uint32_t lane() const { return thread_ % warp_size; }
  [[nodiscard]] std::uint32_t warp() const { return thread_ / warp_size; }

  /// The block's dynamic shared memory.
  template <class T>
  [[nodiscard]] T* shared() const {
    return reinterpret_cast<T*>(shared_bytes());
  }

  /// Every thread of the block arrives before any goes on.
  void sync();
  /// Every lane of the warp arrives before any goes on.
  void sync_warp() { (void)exchange(0, lane(), ~0U); }
  /// The value of the lane whose number differs in the bits of `mask`.
  template <class T>
  [[nodiscard]] T shuffle_xor(T value, std::uint32_t mask) {
    return exchanged(value, lane() ^ mask, mask);
  }
  /// The value of the lane `delta` below; the own one where there is none.
  template <class T>
  [[nodiscard]] T shuffle_up(T value, std::uint32_t delta) {
    return exchanged(value, lane() >= delta ? lane() - delta : lane(), 0x100U + delta);
  }

  void atomic_add(std::uint32_t* to, std::uint32_t value) { *to += value; }
  void atomic_or(std::uint32_t* to, std::uint32_t value) { *to |= value; }

  /// A tile of 16 rows in shared memory, `stride` elements apart, as a product's left and right
  /// side. Rows begin at addresses that are multiples of 16. The whole warp takes part.
  [[nodiscard]] emulated_operand load_left(const std::uint16_t* a, std::uint32_t stride) {
    return {a, stride};
  }
  [[nodiscard]] emulated_operand load_right(const std::uint16_t* b, std::uint32_t stride) {
    return {b, stride};
  }
  /// sums += A B^T. The whole warp takes part.
  void multiply(fragment& sums, const emulated_operand& left, const emulated_operand& right);
  void add_scaled(fragment& sums, const fragment& part, float scale) {
    for (std::uint32_t i = 0; i < fragment::elements; ++i)
      sums.x[i] = fmaf(part.x[i], scale, sums.x[i]);
  }
  void store(float* to, std::uint32_t stride, const fragment& sums);

 private:
  template <class T>
  T exchanged(T value, std::uint32_t from, std::uint32_t kind) {
    static_assert(sizeof(T) <= sizeof(std::uint64_t));
    std::uint64_t word = 0;
    std::memcpy(&word, &value, sizeof value);
    word = exchange(word, from, kind);
    std::memcpy(&value, &word, sizeof value);
    return value;
  }
  /// Gives `word` to the warp, waits for its lanes and takes the word of lane `from`. `kind` must
  /// be the same for all.
  std::uint64_t exchange(std::uint64_t word, std::uint32_t from, std::uint32_t kind);
  [[nodiscard]] std::byte* shared_bytes() const;

  emulated_block& block_;
  std::uint32_t thread_;
};

}  // namespace troupe::kernels::cuda
