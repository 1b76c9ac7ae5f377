#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "kernels/api/backend.hpp"
#include "kernels/api/stream.hpp"
#include "runtime/base/result.hpp"
#include "runtime/device/device_profile.hpp"

namespace troupe {

/// Memory on a device, owned. Movable; freed with the object.
class device_buffer {
 public:
  using release_fn = void (*)(std::byte*, std::size_t) noexcept;

  device_buffer() = default;
  device_buffer(std::byte* data, std::size_t bytes, release_fn release)
      : data_(data), bytes_(bytes), release_(release) {}
  /// Memory that goes back to where it was lent with the last of its `owner`.
  device_buffer(std::byte* data, std::size_t bytes, std::shared_ptr<const void> owner)
      : data_(data), bytes_(bytes), owner_(std::move(owner)) {}
  device_buffer(device_buffer&& other) noexcept;
  device_buffer& operator=(device_buffer&& other) noexcept;
  device_buffer(const device_buffer&) = delete;
  device_buffer& operator=(const device_buffer&) = delete;
  ~device_buffer();

  [[nodiscard]] std::byte* data() const { return data_; }
  [[nodiscard]] std::size_t bytes() const { return bytes_; }
  /// The memory as an array of T; alignment is at least 64.
  template <class T>
  [[nodiscard]] T* as() const {
    return reinterpret_cast<T*>(data_);
  }

 private:
  std::byte* data_ = nullptr;
  std::size_t bytes_ = 0;
  release_fn release_ = nullptr;
  std::shared_ptr<const void> owner_;
};

/// Work that a device has recorded, to be submitted again and again as one piece (a CUDA graph). It
/// must not outlive the device; it may go while the stream is still at it.
class recorded_work {
 public:
  recorded_work() = default;
  recorded_work(const recorded_work&) = delete;
  recorded_work& operator=(const recorded_work&) = delete;
  virtual ~recorded_work() = default;
  /// Submits it to the device's stream, with the parameters and addresses it was recorded with.
  virtual kernels::status replay() = 0;
};

/// One processor that executes a model's arithmetic: memory, an in-order stream and the operations.
///
/// Work is submitted to the stream and never waited for inside an actor: `notify` brings the news
/// that the stream got there. Everything here may be called from any thread.
class device {
 public:
  device() = default;
  device(const device&) = delete;
  device& operator=(const device&) = delete;
  virtual ~device() = default;

  [[nodiscard]] virtual kernels::backend& kernels() = 0;
  [[nodiscard]] virtual kernels::stream& stream() = 0;
  /// Threads, or compute units, that share the work.
  [[nodiscard]] virtual std::uint32_t width() const = 0;

  /// Bytes that may still be allocated where memory is the device's own; 0 where it is the
  /// machine's.
  [[nodiscard]] virtual std::size_t free_memory() const { return 0; }
  /// Whether what allocate() gives lies with the device, out of the host's easy reach: what travels
  /// is then copied to or from memory of allocate_shared(), in the stream's order. False: both are
  /// the machine's memory, and such a copy would gain nothing.
  [[nodiscard]] virtual bool has_own_memory() const { return false; }
  /// 64-byte aligned memory, zeroed; throws std::bad_alloc. Contents stay with the device.
  [[nodiscard]] virtual device_buffer allocate(std::size_t bytes) = 0;

  /// Memory of the machine that the device copies from and to by itself: where rows wait on their
  /// way between it and the host or the network. Its contents are undefined; otherwise as
  /// allocate(). Cheap enough for every message.
  [[nodiscard]] virtual device_buffer allocate_shared(std::size_t bytes) { return allocate(bytes); }

  /// Ranks that compute together as this device. Each stores 1 / ranks() of the KV heads.
  [[nodiscard]] virtual std::uint32_t ranks() const { return 1; }
  /// Where `rank` has its copy of what lies at `at` in a buffer of this device.
  [[nodiscard]] virtual std::byte* on_rank(std::byte* at, std::uint32_t) const { return at; }
  /// Outputs of expert_down, [rows, cols], are to be read by others than combine(): by the host,
  /// once the stream has passed this.
  virtual kernels::status complete_rows(float*, std::uint32_t, std::uint32_t) {
    return kernels::status::ok;
  }
  /// What is submitted from now on belongs to a new epoch of the placement; one that is no newer
  /// than the last changes nothing.
  virtual void begin_epoch(std::uint64_t) {}
  /// Why what the stream passes now gives no results; none where it does. Any thread.
  [[nodiscard]] virtual std::optional<error> fault() const { return std::nullopt; }

  using submit_function = std::function<kernels::status(kernels::stream&)>;
  /// Most rows of steps whose work is worth recording; 0: none is, as while a profile is kept.
  [[nodiscard]] virtual std::uint32_t recorded_rows() const { return 0; }
  /// Records what `submit` submits to the stream it is given; nothing is executed meanwhile, and
  /// the device's own stream goes on. unsupported: this device records nothing, or `submit` was
  /// refused.
  [[nodiscard]] virtual result<std::unique_ptr<recorded_work>> record(
      const submit_function& submit);

  /// Calls `reached` once all work submitted before has been done, on a thread of the device; it
  /// must be short, must not block and must not throw.
  virtual void notify(std::function<void()> reached) = 0;
  /// Marks the beginning of a step: notes in *at when the stream gets there.
  virtual void begin_step(std::chrono::steady_clock::time_point* at) = 0;

  [[nodiscard]] virtual device_counters counters() const = 0;
  /// Keeps a profile of what is submitted from now on, anew.
  virtual void start_profile() = 0;
  /// Waits for that work, for a bounded time, and returns its profile.
  [[nodiscard]] virtual result<device_profile> stop_profile() = 0;
  /// Measures, for about a fifth of a second; nothing else should run meanwhile.
  [[nodiscard]] virtual result<device_limits> measure_limits() = 0;
};

/// Destroys `object` once the stream has passed the work submitted so far, which may still use it.
/// `object` must not own the device.
template <class T>
void release_behind(device& d, T object) {
  if (object != nullptr) d.notify([kept = std::make_shared<T>(std::move(object))] {});
}

}  // namespace troupe
