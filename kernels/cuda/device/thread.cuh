#pragma once

#include <cuda_bf16.h>
#include <mma.h>

#include <cstddef>
#include <cstdint>

#include "kernels/cuda/body/portable.hpp"

namespace troupe::kernels::cuda {

/// A 16 x 16 tile of float32 sums, spread over a warp as the hardware likes it. Begins with zeros.
struct device_fragment {
  using sums = nvcuda::wmma::fragment<nvcuda::wmma::accumulator, 16, 16, 16, float>;
  __device__ device_fragment() { nvcuda::wmma::fill_fragment(x, 0.0F); }
  sums x;
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

  __device__ void multiply(fragment& sums, const std::uint16_t* a, const std::uint16_t* b,
                           std::uint32_t stride) {
    namespace wmma = nvcuda::wmma;
    wmma::fragment<wmma::matrix_a, 16, 16, 16, __nv_bfloat16, wmma::row_major> left;
    wmma::fragment<wmma::matrix_b, 16, 16, 16, __nv_bfloat16, wmma::col_major> right;
    wmma::load_matrix_sync(left, reinterpret_cast<const __nv_bfloat16*>(a), stride);
    wmma::load_matrix_sync(right, reinterpret_cast<const __nv_bfloat16*>(b), stride);
    wmma::mma_sync(sums.x, left, right, sums.x);
  }
  __device__ void add_scaled(fragment& sums, const fragment& part, float scale) {
#pragma unroll
    for (int i = 0; i < device_fragment::sums::num_elements; ++i)
      sums.x.x[i] = fmaf(part.x.x[i], scale, sums.x.x[i]);
  }
  __device__ void store(float* to, std::uint32_t stride, const fragment& sums) {
    nvcuda::wmma::store_matrix_sync(to, sums.x, stride, nvcuda::wmma::mem_row_major);
  }

 private:
  static constexpr unsigned every_lane = 0xffffffffU;
};

}  // namespace troupe::kernels::cuda
