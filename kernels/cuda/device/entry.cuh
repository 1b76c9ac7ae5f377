#pragma once

#include <cuda_runtime.h>

#include "kernels/cuda/body/all.hpp"
#include "kernels/cuda/device/launch.hpp"
#include "kernels/cuda/device/thread.cuh"

namespace troupe::kernels::cuda {

template <class Kernel>
__global__ void __launch_bounds__(Kernel::threads)
    entry(const __grid_constant__ typename Kernel::params p) {
  device_thread t;
  Kernel::run(t, p);
}

/// Puts one kernel into the stream.
template <class Kernel>
cudaError_t submit(const grid& g, const void* params, cudaStream_t s) {
  const auto* function = reinterpret_cast<const void*>(&entry<Kernel>);
  // More than this a kernel has to ask for.
  constexpr std::uint32_t unasked = 48U << 10U;
  if (g.shared_bytes > unasked) {
    const cudaError_t asked = cudaFuncSetAttribute(
        function, cudaFuncAttributeMaxDynamicSharedMemorySize, static_cast<int>(g.shared_bytes));
    if (asked != cudaSuccess) return asked;
  }
  void* arguments[] = {const_cast<void*>(params)};
  return cudaLaunchKernel(function, dim3(g.x, g.y, g.z), dim3(g.threads), arguments, g.shared_bytes,
                          s);
}

}  // namespace troupe::kernels::cuda
