#pragma once

#include <cstdint>
#include <memory>

#include "runtime/device/cpu_stream.hpp"
#include "runtime/device/device.hpp"

namespace troupe {

/// How a device uses the processors.
struct processor_use {
  std::uint32_t threads = 0;  ///< 0: one for each processor the process may use
  bool pin = true;
  std::uint32_t first = 0;  ///< which of the processors the first thread is bound to
  /// Other processes compute on the same ones in turn: whoever looks for work would keep them from
  /// it.
  bool shared = false;
};

/// The processors of this machine as a device.
class cpu_device final : public device {
 public:
  explicit cpu_device(const processor_use& use = {});

  [[nodiscard]] kernels::backend& kernels() override { return *backend_; }
  [[nodiscard]] kernels::stream& stream() override { return stream_; }
  [[nodiscard]] std::uint32_t width() const override { return stream_.threads(); }
  [[nodiscard]] device_buffer allocate(std::size_t bytes) override;
  void notify(std::function<void()> reached) override;
  void begin_step(std::chrono::steady_clock::time_point* at) override;
  [[nodiscard]] device_counters counters() const override { return stream_.counters(); }
  void start_profile() override { stream_.start_profile(); }
  [[nodiscard]] result<device_profile> stop_profile() override;
  [[nodiscard]] result<device_limits> measure_limits() override;

 private:
  /// Waits until the stream has passed what was submitted; false when that takes too long.
  [[nodiscard]] bool drain();
  std::unique_ptr<kernels::backend> backend_;
  cpu_stream stream_;  // last: its threads end before anything they use
};

/// Processors this process may run on; at least 1.
[[nodiscard]] std::uint32_t usable_processors();

}  // namespace troupe
