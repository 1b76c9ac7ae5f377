#pragma once

#include <cstdint>
#include <optional>
#include <vector>

namespace troupe {

/// The batch sizes that a decode step's graph is captured for: 1, 2, 4, then every 8 up to 64,
/// every 16 up to 256, every 64 above, and `most` itself. A step runs in the smallest that holds
/// it, filled up with spare rows.
class batch_buckets {
 public:
  explicit batch_buckets(std::uint32_t most) {
    const auto step_above = [](std::uint32_t rows) {
      if (rows < 8) return rows;
      if (rows < 64) return 8U;
      return rows < 256 ? 16U : 64U;
    };
    for (std::uint32_t rows = 1; rows < most; rows += step_above(rows)) sizes_.push_back(rows);
    if (most > 0) sizes_.push_back(most);
  }
  /// The bucket of a step of `rows`; none for an empty one or one that is too large.
  [[nodiscard]] std::optional<std::uint32_t> of(std::uint32_t rows) const {
    if (rows == 0) return std::nullopt;
    for (const std::uint32_t size : sizes_)
      if (size >= rows) return size;
    return std::nullopt;
  }
  /// Ascending.
  [[nodiscard]] const std::vector<std::uint32_t>& sizes() const { return sizes_; }

 private:
  std::vector<std::uint32_t> sizes_;
};

}  // namespace troupe
