#include "runtime/device/cpu_device.hpp"

#include <sched.h>
#include <sys/mman.h>

#include <new>
#include <utility>

#include "kernels/cpu/backend.hpp"

namespace troupe {
namespace {

void unmap(std::byte* data, std::size_t bytes) noexcept { ::munmap(data, bytes); }

void call_and_release(const void* params, std::uint32_t, std::uint32_t,
                      const kernels::cpu::worker&) {
  // The stream runs every task exactly once, so ownership that notify() handed over comes back
  // here.
  std::unique_ptr<std::function<void()>> reached(
      *static_cast<std::function<void()>* const*>(params));
  (*reached)();
}

}  // namespace

std::uint32_t usable_processors() {
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  if (sched_getaffinity(0, sizeof allowed, &allowed) != 0) return 1;
  const int count = CPU_COUNT(&allowed);
  return count > 0 ? static_cast<std::uint32_t>(count) : 1;
}

cpu_device::cpu_device(std::uint32_t threads, bool pin)
    : backend_(kernels::cpu::make_cpu_backend()),
      stream_({.threads = threads == 0 ? usable_processors() : threads, .pin = pin}) {}

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
  const auto task = kernels::cpu::task::make(&call_and_release, owned.get(), 1);
  stream_.submit(task);
  (void)owned.release();
}

}  // namespace troupe
