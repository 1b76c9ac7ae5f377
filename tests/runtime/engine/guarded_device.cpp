#include "tests/runtime/engine/guarded_device.hpp"

#include <doctest/doctest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <map>
#include <new>
#include <utility>

namespace troupe::test {

using kernels::status;

/// Every piece of the device's memory that there is.
struct guarded_device::pages {
  static std::size_t page() { return static_cast<std::size_t>(::sysconf(_SC_PAGESIZE)); }
  static std::size_t whole(std::size_t bytes) { return (bytes + page() - 1) / page() * page(); }

  void open(bool to_all) {
    for (const auto& [data, bytes] : held)
      REQUIRE(::mprotect(data, bytes, to_all ? PROT_READ | PROT_WRITE : PROT_NONE) == 0);
  }
  static void release(std::byte* data, std::size_t bytes) noexcept {
    // The page before a piece says whose it is.
    std::byte* const first = data - page();
    auto* const owner = reinterpret_cast<std::shared_ptr<pages>*>(first);
    (*owner)->held.erase(data);
    owner->~shared_ptr();
    ::munmap(first, page() + whole(bytes));
  }

  std::map<std::byte*, std::size_t> held;
  bool closed = false;
};

status guarded_device::queue::launch(kernels::cuda::kernel_id kernel, const kernels::cuda::grid& g,
                                     const void* params) {
  if (!lazy) return real.launch(kernel, g, params);
  auto noted = std::make_shared<kernels::cuda::emulated_recorder>(real);
  const status known = noted->launch(kernel, g, params);
  if (known == status::ok)
    waiting.push_back({[this, noted] { REQUIRE(noted->replay(real) == status::ok); }, true});
  return known;
}

status guarded_device::queue::copy(const kernels::copy_params& p) {
  if (!lazy) return real.copy(p);
  waiting.push_back({[this, p] { REQUIRE(real.copy(p) == status::ok); }, true});
  return status::ok;
}

guarded_device::guarded_device(std::uint32_t seed)
    : pages_(std::make_shared<pages>()),
      queue_(seed),
      backend_(kernels::cuda::make_cuda_backend("emulated")) {}

guarded_device::~guarded_device() {
  run();
  pages_->open(true);
  pages_->closed = false;
}

void guarded_device::guard() {
  queue_.lazy = true;
  pages_->closed = true;
  pages_->open(false);
}

void guarded_device::run(const std::function<bool()>& enough) {
  bool opened = false;
  while (!queue_.waiting.empty() && !enough()) {
    const entry next = std::move(queue_.waiting.front());
    queue_.waiting.pop_front();
    // What is called on the host's side is not the device's work.
    if (pages_->closed && next.on_device != opened) pages_->open(opened = next.on_device);
    next.act();
  }
  if (opened) pages_->open(false);
}

std::vector<float> guarded_device::peek(const float* from, std::size_t count) {
  REQUIRE(queue_.waiting.empty());
  pages_->open(true);
  std::vector<float> out(from, from + count);
  if (pages_->closed) pages_->open(false);
  return out;
}

device_buffer guarded_device::allocate(std::size_t bytes) {
  if (bytes == 0) return {};
  const std::size_t all = pages::page() + pages::whole(bytes);
  void* const got =
      ::mmap(nullptr, all, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (got == MAP_FAILED) throw std::bad_alloc();
  new (got) std::shared_ptr<pages>(pages_);
  std::byte* const data = static_cast<std::byte*>(got) + pages::page();
  pages_->held[data] = pages::whole(bytes);
  if (pages_->closed) pages_->open(false);
  return {data, bytes, &pages::release};
}

device_buffer guarded_device::allocate_shared(std::size_t bytes) {
  if (bytes == 0) return {};
  void* const got = ::mmap(nullptr, pages::whole(bytes), PROT_READ | PROT_WRITE,
                           MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (got == MAP_FAILED) throw std::bad_alloc();
  // Given back, it is nobody's: a copy that comes too late faults.
  return {static_cast<std::byte*>(got), bytes,
          [](std::byte* data, std::size_t all) noexcept { ::munmap(data, pages::whole(all)); }};
}

void guarded_device::notify(std::function<void()> reached) {
  if (!queue_.lazy) return reached();
  queue_.waiting.push_back({std::move(reached), false});
}

void guarded_device::begin_step(std::chrono::steady_clock::time_point* at) {
  notify([at] { *at = std::chrono::steady_clock::now(); });
}

}  // namespace troupe::test
