#pragma once

#include <deque>
#include <functional>
#include <memory>

#include "kernels/cuda/backend.hpp"
#include "kernels/cuda/emulated/recorder.hpp"
#include "kernels/cuda/emulated/stream.hpp"
#include "runtime/device/device.hpp"

namespace troupe::test {

/// An emulated GPU that is as far behind as can be, and whose memory is out of the host's reach.
///
/// Until guard() everything is done at once, as while a model is loaded. From then on nothing that
/// is submitted happens before run(), and whoever touches the device's memory besides its own work
/// is ended by a fault. For one thread.
class guarded_device final : public device {
 public:
  explicit guarded_device(std::uint32_t seed = 1);
  ~guarded_device() override;

  void guard();
  /// Does what was submitted, in its order, until `enough` or all is done.
  void run(const std::function<bool()>& enough = [] { return false; });
  [[nodiscard]] std::size_t waiting() const { return queue_.waiting.size(); }
  /// A copy of what lies in the device's memory; nothing may be waiting.
  [[nodiscard]] std::vector<float> peek(const float* from, std::size_t count);

  [[nodiscard]] bool has_own_memory() const override { return true; }
  [[nodiscard]] kernels::backend& kernels() override { return *backend_; }
  [[nodiscard]] kernels::stream& stream() override { return queue_; }
  [[nodiscard]] std::uint32_t width() const override { return queue_.real.processors(); }
  [[nodiscard]] device_buffer allocate(std::size_t bytes) override;
  [[nodiscard]] device_buffer allocate_shared(std::size_t bytes) override;
  void notify(std::function<void()> reached) override;
  void begin_step(std::chrono::steady_clock::time_point* at) override;
  [[nodiscard]] device_counters counters() const override { return {}; }
  void start_profile() override {}
  [[nodiscard]] result<device_profile> stop_profile() override { return device_profile{}; }
  [[nodiscard]] result<device_limits> measure_limits() override { return device_limits{}; }

 private:
  struct pages;
  struct entry {
    std::function<void()> act;
    bool on_device = false;
  };
  struct queue final : kernels::cuda::stream {
    explicit queue(std::uint32_t seed) : real(seed) {}
    kernels::status launch(kernels::cuda::kernel_id kernel, const kernels::cuda::grid& g,
                           const void* params) override;
    kernels::status copy(const kernels::copy_params& p) override;
    [[nodiscard]] std::byte* scratch(std::size_t bytes) override { return real.scratch(bytes); }
    [[nodiscard]] std::uint32_t processors() const override { return real.processors(); }
    [[nodiscard]] std::string architecture() const override { return real.architecture(); }

    kernels::cuda::emulated_stream real;
    bool lazy = false;
    std::deque<entry> waiting;
  };

  std::shared_ptr<pages> pages_;
  queue queue_;
  std::unique_ptr<kernels::backend> backend_;
};

}  // namespace troupe::test
