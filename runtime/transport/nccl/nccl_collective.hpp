#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "runtime/transport/collective/collective.hpp"

namespace troupe {

/// Loads NCCL, for as long as what is returned lives: whoever makes groups keeps it, as an id that
/// was made has threads of NCCL's. Sets the environment, so that it is best called early.
[[nodiscard]] result<std::shared_ptr<const void>> keep_nccl();

/// What the ranks of a group need to find each other: rank 0 makes it, the control plane carries
/// it.
using nccl_group_id = std::array<char, 128>;
[[nodiscard]] result<nccl_group_id> make_nccl_group_id();

struct nccl_group {
  nccl_group_id id{};
  std::uint32_t rank = 0;
  std::uint32_t ranks = 1;
  std::uint64_t epoch = 0;
  int device = 0;
  /// The CUDA stream (cudaStream_t) that makes and reads the numbers.
  void* stream = nullptr;
  /// Until when the others must have joined.
  collective::clock::time_point join_by;
};

/// One communicator for one stage and epoch, on device memory, in the order of a CUDA stream.
/// NCCL's calls are non-blocking: progress() asks how they stand, and calls `done`. Whoever holds
/// it calls progress() at least as often as its deadlines are fine; a rank that is dead makes the
/// others abort, never hang. Until every rank has joined, calls wait in line.
[[nodiscard]] result<std::unique_ptr<collective>> join_nccl_group(const nccl_group& group);

}  // namespace troupe
