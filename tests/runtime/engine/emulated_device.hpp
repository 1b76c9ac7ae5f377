#pragma once

#include <chrono>
#include <cstring>
#include <functional>
#include <memory>
#include <new>

#include "kernels/cuda/backend.hpp"
#include "kernels/cuda/emulated/stream.hpp"
#include "runtime/device/device.hpp"

namespace troupe::test {

/// A GPU whose grid is emulated, as a device: everything is done by the time a call returns.
class emulated_device final : public device {
 public:
  explicit emulated_device(std::uint32_t seed = 1)
      : stream_(seed), backend_(kernels::cuda::make_cuda_backend(stream_.architecture())) {}

  [[nodiscard]] kernels::backend& kernels() override { return *backend_; }
  [[nodiscard]] kernels::stream& stream() override { return stream_; }
  [[nodiscard]] std::uint32_t width() const override { return stream_.processors(); }
  [[nodiscard]] device_buffer allocate(std::size_t bytes) override {
    if (bytes == 0) return {};
    auto* data = static_cast<std::byte*>(::operator new(bytes, alignment));
    std::memset(data, 0, bytes);
    return {data, bytes,
            [](std::byte* from, std::size_t) noexcept { ::operator delete(from, alignment); }};
  }
  void notify(std::function<void()> reached) override { reached(); }
  void begin_step(std::chrono::steady_clock::time_point* at) override {
    *at = std::chrono::steady_clock::now();
  }
  [[nodiscard]] device_counters counters() const override { return {}; }
  void start_profile() override {}
  [[nodiscard]] result<device_profile> stop_profile() override { return device_profile{}; }
  [[nodiscard]] result<device_limits> measure_limits() override { return device_limits{}; }

 private:
  static constexpr std::align_val_t alignment{64};
  kernels::cuda::emulated_stream stream_;
  std::unique_ptr<kernels::backend> backend_;
};

}  // namespace troupe::test
