#include "runtime/device/cpu_device.hpp"

#include <sched.h>
#include <sys/mman.h>

#include <future>
#include <new>
#include <utility>

#include "kernels/cpu/backend.hpp"
#include "kernels/cpu/limits.hpp"

namespace troupe {
namespace {

constexpr auto drain_deadline = std::chrono::minutes(1);

void unmap(std::byte* data, std::size_t bytes) noexcept { ::munmap(data, bytes); }

/// A task's parameters: where something is.
template <class T>
struct place_of {
  T* at = nullptr;
};

void call_and_release(const void* params, std::uint32_t, std::uint32_t,
                      const kernels::cpu::worker&) {
  // The stream runs every task exactly once, so ownership that notify() handed over comes back
  // here.
  std::unique_ptr<std::function<void()>> reached(
      static_cast<const place_of<std::function<void()>>*>(params)->at);
  (*reached)();
}

void note_time(const void* params, std::uint32_t, std::uint32_t, const kernels::cpu::worker&) {
  using clock = std::chrono::steady_clock;
  *static_cast<const place_of<clock::time_point>*>(params)->at = clock::now();
}

}  // namespace

std::uint32_t usable_processors() {
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  if (sched_getaffinity(0, sizeof allowed, &allowed) != 0) return 1;
  const int count = CPU_COUNT(&allowed);
  return count > 0 ? static_cast<std::uint32_t>(count) : 1;
}

namespace {

cpu_stream::options stream_options(const processor_use& use) {
  cpu_stream::options o{.threads = use.threads == 0 ? usable_processors() : use.threads,
                        .pin = use.pin,
                        .first = use.first};
  // On the only processor, a thread that looks for work keeps whoever would bring it from running.
  if (use.shared || usable_processors() == 1) o.spin = 0;
  return o;
}

}  // namespace

cpu_device::cpu_device(const processor_use& use)
    : backend_(kernels::cpu::make_cpu_backend()), stream_(stream_options(use)) {}

device_buffer cpu_device::allocate(std::size_t bytes) {
  if (bytes == 0) return {};
  void* data = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (data == MAP_FAILED) throw std::bad_alloc();
  // Fewer page faults and TLB misses where the kernel has huge pages; a refusal costs nothing.
  if (bytes >= (4U << 20U)) (void)::madvise(data, bytes, MADV_HUGEPAGE);
  return {static_cast<std::byte*>(data), bytes, &unmap};
}

void cpu_device::notify(std::function<void()> reached) {
  auto owned = std::make_unique<std::function<void()>>(std::move(reached));
  const auto task =
      kernels::cpu::task::make(&call_and_release, place_of<std::function<void()>>{owned.get()}, 1);
  stream_.submit(task);
  (void)owned.release();
}

void cpu_device::begin_step(std::chrono::steady_clock::time_point* at) {
  auto task =
      kernels::cpu::task::make(&note_time, place_of<std::chrono::steady_clock::time_point>{at}, 1);
  task.cost = [](const void*) {
    return kernels::cpu::task_cost{.operation = "begin_step", .starts_step = true};
  };
  stream_.submit(task);
}

bool cpu_device::drain() {
  auto passed = std::make_shared<std::promise<void>>();
  notify([passed] { passed->set_value(); });
  return passed->get_future().wait_for(drain_deadline) == std::future_status::ready;
}

result<device_profile> cpu_device::stop_profile() {
  stream_.stop_profile();
  if (!drain())
    return fail(errc::deadline_exceeded, "the device did not finish the profiled work in time");
  return stream_.profile();
}

result<device_limits> cpu_device::measure_limits() {
  auto probe = std::make_unique<kernels::cpu::limits_probe>();
  probe->submit(stream_);
  if (!drain()) {
    release_behind(*this, std::move(probe));
    return fail(errc::deadline_exceeded, "the device did not measure its limits in time");
  }
  const kernels::cpu::machine_limits m = probe->read();
  return device_limits{m.read_bytes_per_second, m.int8_per_second, m.f32_per_second};
}

}  // namespace troupe
