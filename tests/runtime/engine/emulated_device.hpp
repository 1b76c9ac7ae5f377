#pragma once

#include <chrono>
#include <cstring>
#include <functional>
#include <memory>
#include <new>
#include <vector>

#include "kernels/cuda/backend.hpp"
#include "kernels/cuda/emulated/recorder.hpp"
#include "kernels/cuda/emulated/stream.hpp"
#include "runtime/device/device.hpp"
#include "runtime/device/profiled_backend.hpp"

namespace troupe::test {

/// A GPU whose grid is emulated, as a device: everything is done by the time a call returns.
class emulated_device final : public device {
 public:
  /// Steps of at most `recorded_rows` rows are submitted as recorded work.
  explicit emulated_device(std::uint32_t seed = 1, std::uint32_t recorded_rows = 0)
      : stream_(seed),
        backend_(
            kernels::cuda::make_cuda_backend(stream_.architecture()), *this,
            [] { return std::make_unique<host_clock>(); }, most_profiled),
        recorded_rows_(recorded_rows) {}

  [[nodiscard]] kernels::backend& kernels() override { return backend_; }
  [[nodiscard]] kernels::stream& stream() override { return stream_; }
  [[nodiscard]] std::uint32_t width() const override { return stream_.processors(); }
  [[nodiscard]] device_buffer allocate(std::size_t bytes) override {
    if (bytes == 0) return {};
    auto* data = static_cast<std::byte*>(::operator new(bytes, alignment));
    std::memset(data, 0, bytes);
    return {data, bytes,
            [](std::byte* from, std::size_t) noexcept { ::operator delete(from, alignment); }};
  }
  [[nodiscard]] bool has_own_memory() const override { return true; }
  [[nodiscard]] std::uint32_t recorded_rows() const override {
    return backend_.running() ? 0 : recorded_rows_;
  }
  [[nodiscard]] result<std::unique_ptr<recorded_work>> record(
      const submit_function& submit) override {
    auto made = std::make_unique<recording>(*this);
    if (submit(made->recorder) != kernels::status::ok)
      return fail(errc::unsupported, "an operation was refused");
    ++recorded_;
    return made;
  }
  /// Pieces that were recorded, and how often any was submitted.
  [[nodiscard]] std::size_t recorded() const { return recorded_; }
  [[nodiscard]] std::size_t replayed() const { return replayed_; }

  void notify(std::function<void()> reached) override { reached(); }
  void begin_step(std::chrono::steady_clock::time_point* at) override {
    *at = std::chrono::steady_clock::now();
    backend_.begin_step();
  }
  [[nodiscard]] device_counters counters() const override { return {}; }
  void start_profile() override { backend_.start(); }
  [[nodiscard]] result<device_profile> stop_profile() override {
    return backend_.read(backend_.halt());
  }
  [[nodiscard]] result<device_limits> measure_limits() override { return device_limits{}; }

 private:
  struct recording final : recorded_work {
    explicit recording(emulated_device& d) : on(d), recorder(d.stream_) {}
    kernels::status replay() override {
      ++on.replayed_;
      return recorder.replay(on.stream_);
    }
    emulated_device& on;
    kernels::cuda::emulated_recorder recorder;
  };

  /// Everything is done at once, so the host's time is the stream's.
  struct host_clock final : stream_clock {
    bool mark() override {
      marks.push_back(std::chrono::steady_clock::now());
      return true;
    }
    result<std::vector<double>> read() override {
      std::vector<double> out;
      for (const auto& m : marks)
        out.push_back(std::chrono::duration<double>(m - marks.front()).count());
      return out;
    }
    std::vector<std::chrono::steady_clock::time_point> marks;
  };

  static constexpr std::size_t most_profiled = 10'000;
  static constexpr std::align_val_t alignment{64};
  kernels::cuda::emulated_stream stream_;
  profiled_backend backend_;
  std::uint32_t recorded_rows_;
  std::size_t recorded_ = 0;
  std::size_t replayed_ = 0;
};

}  // namespace troupe::test
