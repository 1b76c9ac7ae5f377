#pragma once

#include "runtime/device/cpu_device.hpp"

namespace troupe::test {

/// The processors as a device whose memory is said to be its own: what travels is copied by the
/// stream, which runs on threads of its own.
class staging_device final : public device {
 public:
  explicit staging_device(const processor_use& use) : cpu_(use) {}

  [[nodiscard]] bool has_own_memory() const override { return true; }

  [[nodiscard]] kernels::backend& kernels() override { return cpu_.kernels(); }
  [[nodiscard]] kernels::stream& stream() override { return cpu_.stream(); }
  [[nodiscard]] std::uint32_t width() const override { return cpu_.width(); }
  [[nodiscard]] device_buffer allocate(std::size_t bytes) override { return cpu_.allocate(bytes); }
  void notify(std::function<void()> reached) override { cpu_.notify(std::move(reached)); }
  void begin_step(std::chrono::steady_clock::time_point* at) override { cpu_.begin_step(at); }
  [[nodiscard]] device_counters counters() const override { return cpu_.counters(); }
  void start_profile() override { cpu_.start_profile(); }
  [[nodiscard]] result<device_profile> stop_profile() override { return cpu_.stop_profile(); }
  [[nodiscard]] result<device_limits> measure_limits() override { return cpu_.measure_limits(); }

 private:
  cpu_device cpu_;
};

}  // namespace troupe::test
