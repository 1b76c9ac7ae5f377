#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "kernels/cuda/launch.hpp"
#include "runtime/device/cuda/cublas_products.hpp"
#include "runtime/device/cuda/handles.hpp"

namespace troupe {

/// A CUDA stream of one device, as kernels and copies are submitted to it. Any thread.
///
/// The first error that CUDA reports stays: failure() has it, and whatever is submitted from then
/// on is refused with status::device_error.
class cuda_stream final : public kernels::cuda::stream {
 public:
  /// Throws std::runtime_error with CUDA's reason.
  explicit cuda_stream(int device);
  cuda_stream(const cuda_stream&) = delete;
  cuda_stream& operator=(const cuda_stream&) = delete;
  /// Waits for nothing: the owner has, or the context is lost.
  ~cuda_stream();

  kernels::status launch(kernels::cuda::kernel_id kernel, const kernels::cuda::grid& g,
                         const void* params) override;
  kernels::status copy(const kernels::copy_params& p) override;
  kernels::status vendor_product(const kernels::linear_params& p) override;
  /// Has BF16 products done by cuBLASLt from now on; call it before anything is submitted.
  [[nodiscard]] result<void> use_vendor_products();
  /// Grows as it must. What is asked for while a graph is captured stays as long as the stream: its
  /// kernels keep the address.
  [[nodiscard]] std::byte* scratch(std::size_t bytes) override;
  [[nodiscard]] std::uint32_t processors() const override { return processors_; }
  [[nodiscard]] std::string architecture() const override { return architecture_; }

  /// Runs `reached` on a thread of CUDA's once the stream is there. It must not call CUDA. Where
  /// the context is lost first, it never runs and is released with the stream.
  kernels::status call(std::function<void()> reached);

  /// What `submit` submits to this stream, as a graph that replay() of any stream of the device
  /// runs in one launch, with the same addresses and this stream's scratch memory. Nothing is
  /// executed meanwhile, so the stream must be one that nobody else uses.
  [[nodiscard]] result<cuda_graph_exec_handle> capture(
      const std::function<kernels::status()>& submit);
  kernels::status replay(const cuda_graph_exec_handle& graph);

  /// Asks how the stream stands: true when it has passed everything. An error is kept.
  [[nodiscard]] bool poll();
  [[nodiscard]] std::optional<error> failure() const;
  [[nodiscard]] bool lost() const { return lost_.load(); }  ///< by a sticky error
  [[nodiscard]] std::uint64_t submitted() const { return submitted_.load(); }
  [[nodiscard]] cudaStream_t get() const { return handle_.get(); }

 private:
  struct pending;
  kernels::status noted(cudaError_t code, const char* what);

  int device_;
  std::uint32_t processors_ = 1;
  std::string architecture_;
  cuda_stream_handle handle_;
  std::byte* scratch_ = nullptr;
  std::size_t scratch_bytes_ = 0;
  bool capturing_ = false;
  std::vector<cuda_memory> kept_;            ///< scratch memory of graphs
  std::unique_ptr<cublas_products> vendor_;  ///< null: every product by this project's kernels
  std::shared_ptr<pending> pending_;
  std::atomic<std::uint64_t> submitted_ = 0;
  std::atomic<bool> failed_ = false;
  std::atomic<bool> lost_ = false;
  mutable std::mutex lock_;
  std::optional<error> failure_;
};

}  // namespace troupe
