#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "runtime/base/result.hpp"
#include "runtime/model/block_map.hpp"

namespace troupe {

/// Somewhere that blocks of a model can be read from. Any thread.
class block_source {
 public:
  block_source() = default;
  block_source(const block_source&) = delete;
  block_source& operator=(const block_source&) = delete;
  virtual ~block_source() = default;

  [[nodiscard]] virtual const block_map& map() const = 0;
  /// Whether the block is here. `block` is less than map().blocks().
  [[nodiscard]] virtual bool has(std::uint32_t block) const = 0;
  /// Reads a block that is here into as many bytes as it has; may wait for a disk. io_error.
  [[nodiscard]] virtual result<void> read(std::uint32_t block, std::span<std::byte> into) const = 0;
};

}  // namespace troupe
