#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "kernels/api/copy.hpp"
#include "kernels/api/linear.hpp"
#include "kernels/api/status.hpp"
#include "kernels/api/stream.hpp"

namespace troupe::kernels::cuda {

/// Every kernel there is. Its body is a template in kernels/cuda/body.
enum class kernel_id : std::uint8_t {
  embed,
  to_bf16,
  gather_rows,
  encode_rows,
  decode_rows,
  rms_norm,
  combine,
  rope_table,
  rope_and_store,
  route,
  group,
  linear_f32,
  linear_16,
  linear_64,
  expert_up_16,
  expert_up_64,
  expert_down_16,
  expert_down_64,
  attention,
  attention_wide,
  attention_merge,
  sample,
  score,
};

/// How many blocks of how many threads, and the dynamic shared memory of each.
struct grid {
  std::uint32_t x = 1;
  std::uint32_t y = 1;
  std::uint32_t z = 1;
  std::uint32_t threads = 1;
  std::uint32_t shared_bytes = 0;
};

/// An in-order queue of kernels: a CUDA stream, or an emulated grid on the host.
///
/// Pointers in a kernel's parameters are read by the device; those that kernels/api says are read
/// at the call as well (positions, page tables, lists of experts) are read by both.
class stream : public kernels::stream {
 public:
  /// Submits a kernel; `params` is that kernel's parameter structure, copied at the call.
  virtual status launch(kernel_id kernel, const grid& g, const void* params) = 0;
  /// Copies within, from or to the device's memory, in the stream's order.
  virtual status copy(const copy_params& p) = 0;
  /// Computes a product by a vendor's library; unsupported where this stream has none or wants none
  /// for this shape, whatever the number of rows.
  virtual status vendor_product(const linear_params&) { return status::unsupported; }
  /// Memory for the kernels submitted until the next call of scratch(); null when there is not as
  /// much.
  [[nodiscard]] virtual std::byte* scratch(std::size_t bytes) = 0;
  /// Multiprocessors.
  [[nodiscard]] virtual std::uint32_t processors() const = 0;
  /// "sm_90", or "emulated".
  [[nodiscard]] virtual std::string architecture() const = 0;

 protected:
  ~stream() = default;
};

}  // namespace troupe::kernels::cuda
