#pragma once

#include <cstdint>
#include <optional>

#include "kernels/api/attention.hpp"
#include "runtime/base/token.hpp"
#include "runtime/cache/kv_store.hpp"
#include "runtime/device/device.hpp"
#include "runtime/engine/buffer_pool.hpp"
#include "runtime/engine/step_inputs.hpp"

namespace troupe {

/// What the operations of a step read and write: where its rows stand, and the hidden rows.
struct step_view {
  const token_id* tokens = nullptr;
  kernels::row_placement where;
  float* x = nullptr;  ///< [rows, hidden]
};

/// Where a device with memory of its own finds a step: at the same addresses whatever the step, as
/// recorded work needs it.
///
/// A step is copied there in the stream's order, in one piece, and may be filled up with spare rows
/// to the number that the work was recorded for. A spare row is position 0 of a sequence of its
/// own, whose keys and values lie in the store's spare page: it reads and writes nothing that
/// counts.
class step_slab {
 public:
  /// For steps of at most `rows` rows. Borrows the device and the store; throws std::bad_alloc.
  step_slab(device& d, const kv_store& kv, std::uint32_t rows, std::uint32_t hidden);

  /// Submits the copying of a step, filled up to `rows` rows. None where it is too large, or there
  /// is no memory for it on its way: submit it where it lies then.
  [[nodiscard]] std::optional<step_view> place(step_inputs& in, std::uint32_t rows);
  /// Room for the hidden rows of a step.
  [[nodiscard]] float* x() const { return x_.as<float>(); }

 private:
  /// Where the parts lie: of every step the same, page tables last and as long as they are.
  struct parts {
    std::size_t positions, sequences, pointers, tables, bytes;
  };
  [[nodiscard]] static parts parts_for(std::size_t rows, std::size_t entries);

  device& device_;
  std::int32_t spare_page_;
  std::uint32_t page_size_;
  std::uint32_t most_rows_;
  std::size_t most_entries_;  ///< of all page tables
  parts at_;
  device_buffer memory_, x_;
  buffer_pool pool_;
};

}  // namespace troupe
