#pragma once

#include <nccl.h>

#include <memory>

#include "runtime/base/result.hpp"

namespace troupe {

/// NCCL as it was found at run time: a binary built with it also serves machines without.
struct nccl_library {
  /// Loads libnccl.so.2. Pins the algorithm (ring, simple protocol), so that sums have the same
  /// order every time; call it before the process has other threads, as it sets the environment.
  [[nodiscard]] static result<std::shared_ptr<const nccl_library>> load();
  ~nccl_library();

  void* handle = nullptr;
  decltype(&ncclGetUniqueId) get_unique_id = nullptr;
  decltype(&ncclCommInitRankConfig) init_rank = nullptr;
  decltype(&ncclCommGetAsyncError) async_error = nullptr;
  decltype(&ncclCommAbort) abort = nullptr;
  decltype(&ncclAllGather) all_gather = nullptr;
  decltype(&ncclAllReduce) all_reduce = nullptr;
  decltype(&ncclGetErrorString) words = nullptr;
};

}  // namespace troupe
