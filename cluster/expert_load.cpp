#include "cluster/expert_load.hpp"

#include <algorithm>

namespace troupe {

expert_load::expert_load(std::uint32_t layers, std::uint32_t experts, duration window)
    : layers_(layers),
      experts_(experts),
      slice_(std::max(duration(1), window / static_cast<std::int64_t>(slices))),
      counts_(slices, std::vector<std::uint32_t>(std::size_t{layers} * experts)) {}

void expert_load::slide(time_point now) {
  const std::int64_t slice = now.time_since_epoch() / slice_;
  if (slice <= current_) return;
  const auto passed = std::min<std::int64_t>(slice - current_, static_cast<std::int64_t>(slices));
  for (std::int64_t i = 0; i < passed; ++i)
    std::ranges::fill(counts_[static_cast<std::size_t>(slice - i) % slices], 0U);
  current_ = slice;
}

void expert_load::note(std::uint32_t layer, std::span<const std::int32_t> ids, time_point now) {
  if (layer >= layers_) return;
  slide(now);
  std::vector<std::uint32_t>& counts = counts_[static_cast<std::size_t>(current_) % slices];
  for (const std::int32_t id : ids) {
    if (id >= 0 && static_cast<std::uint32_t>(id) < experts_)
      ++counts[std::size_t{layer} * experts_ + static_cast<std::size_t>(id)];
  }
}

void expert_load::add(std::uint32_t layer, std::span<const std::uint32_t> rows, time_point now) {
  if (layer >= layers_) return;
  slide(now);
  std::vector<std::uint32_t>& counts = counts_[static_cast<std::size_t>(current_) % slices];
  const std::size_t known = std::min<std::size_t>(rows.size(), experts_);
  for (std::size_t e = 0; e < known; ++e) counts[std::size_t{layer} * experts_ + e] += rows[e];
}

expert_loads expert_load::within_window(time_point now) {
  slide(now);
  expert_loads out(layers_, std::vector<std::uint64_t>(experts_));
  for (const std::vector<std::uint32_t>& slice : counts_)
    for (std::size_t i = 0; i < slice.size(); ++i) out[i / experts_][i % experts_] += slice[i];
  return out;
}

}  // namespace troupe
