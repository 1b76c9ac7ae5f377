#include "kernels/cuda/emulated/block.hpp"

#include <algorithm>
#include <limits>
#include <utility>

#include "kernels/cuda/body/memory.hpp"
#include "kernels/cuda/emulated/fiber.hpp"

namespace troupe::kernels::cuda {
namespace {

/// Unwinds a fiber whose block is given up.
struct given_up {};

}  // namespace

struct emulated_block::fiber {
  explicit fiber(std::function<void()> live) : stack(std::move(live)) {}
  stackful stack;
};

emulated_block::emulated_block(std::uint32_t threads, std::uint32_t seed)
    : threads_(threads), random_(seed), states_(threads), warps_(threads / warp_size) {
  fibers_.reserve(threads);
  for (std::uint32_t i = 0; i < threads; ++i)
    fibers_.push_back(std::make_unique<fiber>([this, i] { live(i); }));
}

emulated_block::~emulated_block() {
  ending_ = true;
  for (const auto& f : fibers_) f->stack.resume();
}

/// A fiber's life: one block after another.
void emulated_block::live(std::uint32_t thread) {
  while (!ending_) {
    try {
      emulated_thread self(*this, thread);
      if (!abandoned_) (*body_)(self);
    } catch (const given_up&) {
    }
    states_[thread] = state::done;
    ++done_;
    fibers_[thread]->stack.suspend();
  }
}

bool emulated_block::run(const std::array<std::uint32_t, 3>& place, std::size_t shared_bytes,
                         const body& b) {
  place_ = place;
  body_ = &b;
  // All ones are NaN as floats: what reads memory that nobody wrote shows.
  shared_.assign(shared_bytes, std::byte{0xff});
  warps_.assign(warps_.size(), {});
  at_block_ = done_ = 0;
  abandoned_ = false;
  ready_.clear();
  for (std::uint32_t i = 0; i < threads_; ++i) make_ready(i);
  while (!ready_.empty() && !abandoned_) fibers_[take_ready()]->stack.resume();
  if (done_ == threads_) return true;
  if (!abandoned_)
    abandon(done_ > 0 ? "some threads wait for others that have ended"
                      : "threads of one block or warp wait at different places");
  for (std::uint32_t i = 0; i < threads_; ++i)
    if (states_[i] != state::done) fibers_[i]->stack.resume();
  return false;
}

std::uint32_t emulated_block::take_ready() {
  std::uniform_int_distribution<std::size_t> any(0, ready_.size() - 1);
  std::swap(ready_[any(random_)], ready_.back());
  const std::uint32_t thread = ready_.back();
  ready_.pop_back();
  return thread;
}

void emulated_block::make_ready(std::uint32_t thread) {
  states_[thread] = state::ready;
  ready_.push_back(thread);
}

void emulated_block::abandon(const char* why) {
  abandoned_ = true;
  why_ = why;
}

void emulated_block::wait(std::uint32_t thread, state at) {
  if (abandoned_) throw given_up{};
  if (at != state::ready) states_[thread] = at;
  fibers_[thread]->stack.suspend();
  if (abandoned_) throw given_up{};
}

void emulated_block::sync(std::uint32_t thread) {
  if (++at_block_ < threads_) return wait(thread, state::at_block);
  at_block_ = 0;
  for (std::uint32_t i = 0; i < threads_; ++i) make_ready(i);
  wait(thread, state::ready);
}

std::uint64_t emulated_block::exchange(std::uint32_t thread, std::uint64_t word, std::uint32_t from,
                                       std::uint32_t kind) {
  warp& w = warps_[thread / warp_size];
  const std::uint32_t turn = w.turn;
  w.words[turn][thread % warp_size] = word;
  w.kinds[thread % warp_size] = kind;
  if (++w.arrived < warp_size) {
    wait(thread, state::at_warp);
  } else {
    const bool alike = std::all_of(w.kinds.begin(), w.kinds.end(),
                                   [kind](std::uint32_t other) { return other == kind; });
    if (!alike) abandon("the lanes of a warp exchange values in different ways");
    w.arrived = 0;
    w.turn = 1 - turn;
    const std::uint32_t first = thread / warp_size * warp_size;
    for (std::uint32_t i = first; i < first + warp_size; ++i) make_ready(i);
    wait(thread, state::ready);
  }
  return w.words[turn][from];
}

std::uint32_t emulated_thread::x() const { return block_.place_[0]; }
std::uint32_t emulated_thread::y() const { return block_.place_[1]; }
std::uint32_t emulated_thread::z() const { return block_.place_[2]; }
std::uint32_t emulated_thread::threads() const { return block_.threads_; }
std::byte* emulated_thread::shared_bytes() const { return block_.shared_.data(); }
void emulated_thread::sync() { block_.sync(thread_); }
std::uint64_t emulated_thread::exchange(std::uint64_t word, std::uint32_t from,
                                        std::uint32_t kind) {
  return block_.exchange(thread_, word, from, kind);
}

void emulated_thread::multiply(fragment& sums, const emulated_operand& left,
                               const emulated_operand& right) {
  (void)exchange(0, lane(), 0x200U);
  const std::uint16_t* a = left.at + lane() / 2 * left.stride;
  const std::uint16_t* b = right.at + lane() % 2 * fragment::elements * right.stride;
  constexpr std::uint32_t row_bytes = 16;
  const bool readable = is_aligned(left.at, row_bytes) && is_aligned(right.at, row_bytes) &&
                        left.stride * sizeof *a % row_bytes == 0 &&
                        right.stride * sizeof *b % row_bytes == 0;
  if (!readable) sums.x[0] = std::numeric_limits<float>::quiet_NaN();
  // Products of BF16 numbers are exact in float32; the device adds in an order of its own.
  for (std::uint32_t i = 0; i < fragment::elements; ++i)
    for (std::uint32_t k = 0; k < 16; ++k)
      sums.x[i] += from_bf16(a[k]) * from_bf16(b[i * right.stride + k]);
}

void emulated_thread::store(float* to, std::uint32_t stride, const fragment& sums) {
  (void)exchange(0, lane(), 0x201U);
  to += lane() / 2 * stride + lane() % 2 * fragment::elements;
  for (std::uint32_t i = 0; i < fragment::elements; ++i) to[i] = sums.x[i];
}

}  // namespace troupe::kernels::cuda
