#include "runtime/device/cpu_stream.hpp"

#include <pthread.h>
#include <sched.h>

#include <bit>
#include <new>
#include <stdexcept>

namespace troupe {
namespace {

void pause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

/// Binds the calling thread to the index-th processor of those the process may run on. A refusal is
/// harmless: the thread then floats.
void bind_to_processor(std::uint32_t index) {
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  if (sched_getaffinity(0, sizeof allowed, &allowed) != 0) return;
  const auto count = static_cast<std::uint32_t>(CPU_COUNT(&allowed));
  if (count == 0) return;
  std::uint32_t wanted = index % count;
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (!CPU_ISSET(cpu, &allowed)) continue;
    if (wanted-- > 0) continue;
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    (void)pthread_setaffinity_np(pthread_self(), sizeof one, &one);
    return;
  }
}

/// This thread's scratch, aligned for any vector width.
class scratch_memory {
 public:
  scratch_memory()
      : data_(static_cast<std::byte*>(
            ::operator new(kernels::cpu::worker_scratch_bytes, std::align_val_t(64)))) {}
  scratch_memory(const scratch_memory&) = delete;
  scratch_memory& operator=(const scratch_memory&) = delete;
  ~scratch_memory() { ::operator delete(data_, std::align_val_t(64)); }
  [[nodiscard]] std::byte* data() const { return data_; }

 private:
  std::byte* data_;
};

}  // namespace

cpu_stream::cpu_stream(const options& o)
    : threads_(o.threads == 0 ? 1 : o.threads), spin_(o.spin), mask_(o.capacity - 1) {
  if (!std::has_single_bit(o.capacity))
    throw std::invalid_argument("cpu_stream: capacity is not a power of two");
  ring_ = std::make_unique<slot[]>(o.capacity);
  for (std::uint64_t i = 0; i < o.capacity; ++i) ring_[i].turn.store(i);
  workers_.reserve(threads_);
  for (std::uint32_t i = 0; i < threads_; ++i) {
    workers_.emplace_back([this, i, pin = o.pin] { run(i, pin); });
  }
}

cpu_stream::~cpu_stream() {
  stopping_.store(true);
  wake();
  workers_.clear();  // joins
}

void cpu_stream::wake() {
  if (sleepers_.load() == 0) return;
  wakeups_.fetch_add(1);
  wakeups_.notify_all();
}

template <class Ready>
void cpu_stream::wait(Ready ready) {
  for (std::uint32_t i = 0; i < spin_; ++i) {
    if (ready()) return;
    pause();
  }
  while (!ready()) {
    // Announce first, look again, then sleep: whoever makes `ready` true afterwards sees the
    // announcement.
    sleepers_.fetch_add(1);
    const std::uint32_t seen = wakeups_.load();
    if (!ready()) wakeups_.wait(seen);
    sleepers_.fetch_sub(1);
  }
}

void cpu_stream::submit(const kernels::cpu::task& t) {
  const std::uint64_t ticket = tail_.fetch_add(1);
  slot& s = ring_[ticket & mask_];
  wait([&] { return s.turn.load() == ticket; });
  s.work = t;
  s.next.store(0, std::memory_order_relaxed);
  s.arrived.store(0, std::memory_order_relaxed);
  s.turn.store(ticket + 1);
  wake();
}

void cpu_stream::execute(slot& s, const kernels::cpu::worker& w) {
  const std::uint32_t items = s.work.items;
  const std::uint32_t grain = s.work.grain;
  for (;;) {
    const std::uint32_t begin = s.next.fetch_add(grain);
    if (begin >= items) return;
    s.work.body(s.work.params, begin, std::min(items, begin + grain), w);
  }
}

void cpu_stream::run(std::uint32_t index, bool pin) {
  pthread_setname_np(pthread_self(), "troupe.compute");
  if (pin) bind_to_processor(index);
  const scratch_memory scratch;
  const kernels::cpu::worker me{index, threads_, scratch.data(),
                                kernels::cpu::worker_scratch_bytes};
  for (std::uint64_t i = 0;; ++i) {
    slot& s = ring_[i & mask_];
    // Stop only between tasks with nothing left: whatever was submitted is done first.
    wait([&] { return s.turn.load() == i + 1 || (stopping_.load() && tail_.load() <= i); });
    if (s.turn.load() != i + 1) return;
    execute(s, me);
    if (s.arrived.fetch_add(1) + 1 == threads_) {
      // The last to arrive: everybody has left the slot's work, so it may be written again.
      s.turn.store(i + mask_ + 1);
      completed_.store(i + 1);
      wake();
    } else {
      wait([&] { return completed_.load() > i; });
    }
  }
}

}  // namespace troupe
