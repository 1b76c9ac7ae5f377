#include "runtime/device/cpu_stream.hpp"

#include <pthread.h>
#include <sched.h>

#include <algorithm>
#include <bit>
#include <limits>
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

/// What a slot's `left` is when a task has no items left.
constexpr std::uint64_t none_left(std::uint64_t ticket) { return ticket << 32U; }

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
    : threads_(o.threads == 0 ? 1 : o.threads),
      spin_(o.spin),
      mask_(o.capacity - 1),
      shares_(threads_) {
  if (!std::has_single_bit(o.capacity))
    throw std::invalid_argument("cpu_stream: capacity is not a power of two");
  ring_ = std::make_unique<slot[]>(o.capacity);
  for (std::uint64_t i = 0; i < o.capacity; ++i) ring_[i].turn.store(i);
  workers_.reserve(threads_);
  for (std::uint32_t i = 0; i < threads_; ++i) {
    workers_.emplace_back([this, i, pin = o.pin, on = o.first + i] {
      if (pin) bind_to_processor(on);
      run(i);
    });
  }
}

cpu_stream::~cpu_stream() {
  stopping_.store(true);
  wake();
  workers_.clear();  // joins
}

void cpu_stream::wake() {
  // Once for all who announced themselves: one that was woken and has not run yet is not called
  // again.
  if (!sleeping_.load() || !sleeping_.exchange(false)) return;
  wakes_.fetch_add(1, std::memory_order_relaxed);
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
    // Announce, look again, then sleep: whoever makes `ready` true afterwards sees the
    // announcement. The count is read before, so that a wake which takes the announcement changes
    // it.
    const std::uint32_t seen = wakeups_.load();
    sleeping_.store(true);
    if (!ready()) {
      sleeps_.fetch_add(1, std::memory_order_relaxed);
      wakeups_.wait(seen);
    }
  }
}

void cpu_stream::submit(const kernels::cpu::task& t) {
  if (t.items == 0) return;
  const std::uint64_t ticket = tail_.fetch_add(1);
  slot& s = ring_[ticket & mask_];
  wait([&] { return s.turn.load() == ticket; });
  s.work = t;
  s.logged = logging_.load();
  s.grain.store(t.grain, std::memory_order_relaxed);
  s.done.store(0, std::memory_order_relaxed);
  s.left.store(none_left(ticket) + t.items);
  s.turn.store(ticket + 1);
  wake();
}

cpu_stream::piece cpu_stream::take(slot& s, std::uint64_t ticket) {
  std::uint64_t left = s.left.load();
  for (;;) {
    const std::uint64_t items = left - none_left(ticket);
    if (items == 0 || items > std::numeric_limits<std::uint32_t>::max()) return {};
    const auto count = static_cast<std::uint32_t>(
        std::min<std::uint64_t>(s.grain.load(std::memory_order_relaxed), items));
    if (s.left.compare_exchange_weak(left, left - count))
      return {static_cast<std::uint32_t>(items), count};
  }
}

std::uint32_t cpu_stream::place(std::uint32_t turn, std::uint32_t pieces) const {
  const std::uint32_t rounds = pieces / threads_;
  const std::uint32_t segment = turn % threads_;
  return segment * rounds + std::min(segment, pieces % threads_) + turn / threads_;
}

void cpu_stream::execute(slot& s, std::uint64_t ticket, const kernels::cpu::worker& w) {
  piece p = take(s, ticket);
  if (p.count == 0) return;
  // From here to the count of what was done, the task cannot end without this thread.
  const std::uint32_t items = s.work.items;
  const bool logged = s.logged;
  share& mine = shares_[w.index];
  if (logged) mine = {ticket, clock::now(), {}};
  std::uint32_t done = 0;
  const std::uint32_t grain = s.work.grain;
  for (; p.count > 0; p = take(s, ticket)) {
    const std::uint32_t begin = place((items - p.left) / grain, (items - 1) / grain + 1) * grain;
    const std::uint32_t end = std::min(items, begin + grain);
    s.work.body(s.work.params, begin, end, w);
    done += end - begin;
  }
  if (logged) mine.end = clock::now();
  if (s.done.fetch_add(done) + done < items) return;
  if (logged) log(s, ticket);
  s.turn.store(ticket + mask_ + 1);
  completed_.store(ticket + 1);
  wake();
}

device_counters cpu_stream::counters() const {
  return {tail_.load(), sleeps_.load(), wakes_.load()};
}

void cpu_stream::start_profile() {
  log_.clear();
  logging_.store(true);
}

void cpu_stream::log(const slot& s, std::uint64_t ticket) {
  auto begin = clock::time_point::max();
  auto end = clock::time_point::min();
  clock::duration working{};
  for (const share& each : shares_) {
    if (each.ticket != ticket) continue;
    begin = std::min(begin, each.begin);
    end = std::max(end, each.end);
    working += each.end - each.begin;
  }
  const kernels::cpu::task& t = s.work;
  const auto cost =
      t.cost != nullptr ? t.cost(t.params) : kernels::cpu::task_cost{.operation = "notify"};
  log_.add(cost, begin, end, working / threads_, next_waits_);
  next_waits_ = ring_[(ticket + 1) & mask_].turn.load() != ticket + 2;
}

void cpu_stream::run(std::uint32_t index) {
  pthread_setname_np(pthread_self(), "troupe.compute");
  const scratch_memory scratch;
  const kernels::cpu::worker me{index, threads_, scratch.data(),
                                kernels::cpu::worker_scratch_bytes};
  for (;;) {
    const std::uint64_t i = completed_.load();
    slot& s = ring_[i & mask_];
    const auto submitted = [&] { return s.turn.load() == i + 1; };
    const auto passed = [&] { return completed_.load() > i; };
    // Stop only between tasks with nothing left: whatever was submitted is done first.
    const auto ended = [&] { return stopping_.load() && tail_.load() <= i; };
    wait([&] { return submitted() || passed() || ended(); });
    if (submitted()) execute(s, i, me);
    wait([&] { return passed() || ended(); });
    if (!passed()) return;
  }
}

}  // namespace troupe
