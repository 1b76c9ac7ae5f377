#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "runtime/base/result.hpp"
#include "runtime/config/engine_config.hpp"
#include "runtime/device/device.hpp"
#include "runtime/model/config.hpp"

namespace troupe {

struct memory_plan {
  std::uint32_t kv_pages = 0;
  std::uint32_t context =
      0;  ///< positions a sequence may have: the model's, the setting's, or what fits
  std::size_t kv_bytes = 0;
  std::size_t kv_bytes_per_token = 0;
};

/// Divides `available` bytes between weights and KV. out_of_memory, with the arithmetic, when the
/// weights or a single page do not fit. Without a setting KV gets a quarter of what the weights
/// leave, at most what `max_sequences` full contexts can use.
[[nodiscard]] result<memory_plan> plan_memory(const model_config& model,
                                              const engine_config& config, std::size_t weight_bytes,
                                              std::size_t available);

/// Bytes this process may still take: the least of the machine's available memory and the room left
/// in its control group.
[[nodiscard]] std::size_t available_memory();

/// The same of what `computes`: its own memory where it has some, else the process's without what
/// is `taken` of that.
[[nodiscard]] inline std::size_t room_on(const device& computes, std::size_t taken = 0) {
  const std::size_t own = computes.free_memory();
  if (own > 0) return own;
  const std::size_t room = available_memory();
  return room - std::min(room, taken);
}

}  // namespace troupe
