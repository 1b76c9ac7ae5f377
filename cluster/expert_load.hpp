#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "cluster/rebalance.hpp"

namespace troupe {

/// Counts how many rows chose each expert within a sliding window: what rebalancing goes by.
/// A plain class over injected time; not thread-safe.
class expert_load {
 public:
  using time_point = std::chrono::steady_clock::time_point;
  using duration = std::chrono::steady_clock::duration;

  /// The window slides by an eighth of its length at a time.
  expert_load(std::uint32_t layers, std::uint32_t experts, duration window);

  /// Experts that rows of `layer` chose; what is not an expert of the model is passed over.
  void note(std::uint32_t layer, std::span<const std::int32_t> ids, time_point now);
  /// Rows that were counted elsewhere: one number for each expert of `layer`, in order; what is not
  /// of the model is passed over.
  void add(std::uint32_t layer, std::span<const std::uint32_t> rows, time_point now);
  /// Rows by layer and expert within the window that ends at `now`.
  [[nodiscard]] expert_loads within_window(time_point now);

 private:
  static constexpr std::size_t slices = 8;

  void slide(time_point now);

  std::uint32_t layers_;
  std::uint32_t experts_;
  duration slice_;
  std::vector<std::vector<std::uint32_t>> counts_;  ///< by slice: [layer][expert]
  std::int64_t current_ = 0;                        ///< number of the newest slice
};

}  // namespace troupe
