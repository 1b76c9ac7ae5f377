#include "runtime/device/cuda/pinned.hpp"

#include <cuda_runtime_api.h>

#include "runtime/device/cuda/errors.hpp"

namespace troupe {

block_pool make_pinned_pool(std::size_t most_bytes) {
  const auto get = [](std::size_t bytes) -> std::byte* {
    void* got = nullptr;
    if (!cuda_check(cudaHostAlloc(&got, bytes, cudaHostAllocPortable), "pinned memory"))
      return nullptr;
    return static_cast<std::byte*>(got);
  };
  return block_pool({get, [](std::byte* data) { (void)cudaFreeHost(data); }}, most_bytes);
}

}  // namespace troupe
