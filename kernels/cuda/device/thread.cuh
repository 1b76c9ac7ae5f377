#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/cuda/body/fragment.hpp"
#include "kernels/cuda/body/portable.hpp"

namespace troupe::kernels::cuda {

/// A 16 x 16 tile of float32 sums, spread over a warp as sum_place() says.
struct device_fragment {
  static constexpr std::uint32_t elements = 8;
  float x[elements] = {};
};

/// A 16 x 16 tile of BF16 numbers, as mma.m16n8k16 takes it.
struct device_operand {
  std::uint32_t x[4];
};

/// What a kernel's body sees of its GPU thread: kernels/cuda/emulated/thread.hpp's counterpart,
/// which says what each member does.
class device_thread {
 public:
  using fragment = device_fragment;

  [[nodiscard]] __device__ std::uint32_t x() const { return blockIdx.x; }
  [[nodiscard]] __device__ std::uint32_t y() const { return blockIdx.y; }
  [[nodiscard]] __device__ std::uint32_t z() const { return blockIdx.z; }
  [[nodiscard]] __device__ std::uint32_t thread() const { return threadIdx.x; }
  [[nodiscard]] __device__ std::uint32_t threads() const { return blockDim.x; }
  [[nodiscard]] __device__ std::uint32_t lane() const { return threadIdx.x % warp_size; }
  [[nodiscard]] __device__ std::uint32_t warp() const { return threadIdx.x / warp_size; }

  template <class T>
  [[nodiscard]] __device__ T* shared() const {
    extern __shared__ __align__(128) std::byte troupe_shared[];
    return reinterpret_cast<T*>(troupe_shared);
  }

  __device__ void sync() { __syncthreads(); }
  __device__ void sync_warp() { __syncwarp(); }
  template <class T>
  [[nodiscard]] __device__ T shuffle_xor(T value, std::uint32_t mask) {
    return __shfl_xor_sync(every_lane, value, static_cast<int>(mask));
  }
  template <class T>
  [[nodiscard]] __device__ T shuffle_up(T value, std::uint32_t delta) {
    return __shfl_up_sync(every_lane, value, delta);
  }
  __device__ void atomic_add(std::uint32_t* to, std::uint32_t value) { atomicAdd(to, value); }
  __device__ void atomic_or(std::uint32_t* to, std::uint32_t value) { atomicOr(to, value); }

  [[nodiscard]] __device__ device_operand load_left(const std::uint16_t* a, std::uint32_t stride) {
    const tile_place from = left_place(lane());
    return load(a + from.row * stride + from.column);
  }
  [[nodiscard]] __device__ device_operand load_right(const std::uint16_t* b, std::uint32_t stride) {
    const tile_place from = right_place(lane());
    return load(b + from.row * stride + from.column);
  }
  __device__ void multiply(fragment& sums, const device_operand& left,
                           const device_operand& right) {
    multiply_half(sums.x, left, right.x[0], right.x[1]);
    multiply_half(sums.x + 4, left, right.x[2], right.x[3]);
  }
  __device__ void add_scaled(fragment& sums, const fragment& part, float scale) {
    TROUPE_UNROLL
    for (std::uint32_t i = 0; i < fragment::elements; ++i)
      sums.x[i] = fmaf(part.x[i], scale, sums.x[i]);
  }
  __device__ void store(float* to, std::uint32_t stride, const fragment& sums) {
    TROUPE_UNROLL
    for (std::uint32_t i = 0; i < fragment::elements; ++i) {
      const tile_place at = sum_place(lane(), i);
      to[at.row * stride + at.column] = sums.x[i];
    }
  }

 private:
  static constexpr unsigned every_lane = 0xffffffffU;

  /// Four 8 x 8 tiles, whose rows the lanes point to, eight a tile.
  static __device__ device_operand load(const std::uint16_t* row) {
    device_operand got;
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(got.x[0]), "=r"(got.x[1]), "=r"(got.x[2]), "=r"(got.x[3])
                 : "r"(static_cast<std::uint32_t>(__cvta_generic_to_shared(row)))
                 : "memory");
    return got;
  }
  static __device__ void multiply_half(float* sums, const device_operand& left, std::uint32_t b0,
                                       std::uint32_t b1) {
    asm volatile(
        "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, "
        "{%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
        : "+f"(sums[0]), "+f"(sums[1]), "+f"(sums[2]), "+f"(sums[3])
        : "r"(left.x[0]), "r"(left.x[1]), "r"(left.x[2]), "r"(left.x[3]), "r"(b0), "r"(b1));
  }
};

}  // namespace troupe::kernels::cuda
