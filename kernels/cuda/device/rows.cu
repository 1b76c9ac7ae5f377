#include "kernels/cuda/device/entry.cuh"

namespace troupe::kernels::cuda {

bool launch_row_kernel(kernel_id id, const grid& g, const void* params, cudaStream_t s,
                       cudaError_t& outcome) {
  return visit_row_kernels(id, [&](auto body) { outcome = submit<decltype(body)>(g, params, s); });
}

}  // namespace troupe::kernels::cuda
