#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "kernels/cuda/launch.hpp"

namespace troupe::kernels::cuda {

/// A stream that notes what is submitted to it, as a CUDA stream does that is captured: kernels
/// with their grids and parameters, and copies. Nothing runs before replay().
class emulated_recorder final : public stream {
 public:
  /// Records for a stream like `model`.
  explicit emulated_recorder(const stream& model);

  status launch(kernel_id kernel, const grid& g, const void* params) override;
  status copy(const copy_params& p) override;
  /// The recording's own, as its kernels keep the address.
  [[nodiscard]] std::byte* scratch(std::size_t bytes) override;
  [[nodiscard]] std::uint32_t processors() const override { return processors_; }
  [[nodiscard]] std::string architecture() const override { return architecture_; }

  /// Submits what was noted to `to`, in its order.
  [[nodiscard]] status replay(stream& to) const;

 private:
  std::uint32_t processors_;
  std::string architecture_;
  std::vector<std::function<status(stream&)>> noted_;
  std::vector<std::unique_ptr<std::byte[]>> scratch_;
};

}  // namespace troupe::kernels::cuda
