#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "runtime/device/device.hpp"

namespace troupe {

/// Where the ranks of a team have their copies of what it allocated: a team's buffer is known by
/// the address of rank 0's copy. Any thread. Buffers may outlive it.
class team_memory {
 public:
  team_memory();
  team_memory(const team_memory&) = delete;
  team_memory& operator=(const team_memory&) = delete;
  ~team_memory();

  /// A buffer of which each rank has one of `copies`, all of one size and not empty. Freed as one.
  [[nodiscard]] device_buffer adopt(std::vector<device_buffer> copies);

  /// Whether `at` lies in such a buffer. Other memory is the same for every rank.
  [[nodiscard]] bool has(const void* at) const;
  /// What `at` is to a rank.
  [[nodiscard]] std::byte* find(const void* at, std::uint32_t rank) const;
  template <class T>
  [[nodiscard]] T* on(T* at, std::uint32_t rank) const {
    return rank == 0 || at == nullptr ? at : reinterpret_cast<T*>(find(at, rank));
  }

 private:
  struct table;
  struct owned;
  std::shared_ptr<table> table_;
};

}  // namespace troupe
