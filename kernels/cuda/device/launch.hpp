#pragma once

#include <cuda_runtime_api.h>

#include "kernels/cuda/launch.hpp"

namespace troupe::kernels::cuda {

/// Puts a kernel of one list (kernels/cuda/body/all.hpp) into a CUDA stream of the current device.
/// False where the kernel is of another list; `outcome` is what CUDA said.
bool launch_row_kernel(kernel_id id, const grid& g, const void* params, cudaStream_t s,
                       cudaError_t& outcome);
bool launch_product_kernel(kernel_id id, const grid& g, const void* params, cudaStream_t s,
                           cudaError_t& outcome);
bool launch_other_kernel(kernel_id id, const grid& g, const void* params, cudaStream_t s,
                         cudaError_t& outcome);

}  // namespace troupe::kernels::cuda
