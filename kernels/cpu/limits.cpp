#include "kernels/cpu/limits.hpp"

#include <algorithm>
#include <cstring>
#include <new>

#include "kernels/cpu/limits_body.hpp"

namespace troupe::kernels::cpu {
namespace {

using clock = std::chrono::steady_clock;

constexpr std::size_t repetitions = 16;
constexpr std::uint32_t arithmetic_items = 128;
constexpr std::align_val_t alignment{64};

void fill(const void* params, std::uint32_t begin, std::uint32_t end, const worker&) {
  std::byte* const memory = *static_cast<std::byte* const*>(params);
  std::memset(memory + begin * limits_piece, 1, (end - begin) * limits_piece);
}

void stamp(const void* params, std::uint32_t, std::uint32_t, const worker&) {
  **static_cast<clock::time_point* const*>(params) = clock::now();
}

}  // namespace

void limits_probe::release::operator()(std::byte* data) const {
  ::operator delete(data, alignment);
}

limits_probe::limits_probe(std::size_t bytes)
    : pieces_(static_cast<std::uint32_t>(std::max<std::size_t>(bytes / limits_piece, 1))),
      memory_(static_cast<std::byte*>(::operator new(pieces_* limits_piece, alignment))) {}

void limits_probe::submit(stream& s) {
  // The threads that read the memory are the first to touch it, so that it lies near them.
  s.submit(task::make(&fill, memory_.get(), pieces_));
  submit(s, read_, task::make(limits_read_body(), memory_.get(), pieces_));
  submit(s, int8_, task::make(limits_int8_body(), 0, arithmetic_items));
  submit(s, f32_, task::make(limits_f32_body(), 0, arithmetic_items));
}

void limits_probe::submit(stream& s, stamps& to, const task& work) {
  to.assign(repetitions + 1, {});
  for (std::size_t i = 0; i <= repetitions; ++i) {
    s.submit(task::make(&stamp, &to[i], 1));
    if (i < repetitions) s.submit(work);
  }
}

machine_limits limits_probe::read() const {
  const auto rate = [](const stamps& times, double work) {
    auto least = clock::duration::max();
    for (std::size_t i = 1; i < times.size(); ++i) least = std::min(least, times[i] - times[i - 1]);
    const double seconds = std::chrono::duration<double>(least).count();
    return times.empty() || seconds <= 0 ? 0.0 : work / seconds;
  };
  const double operations = static_cast<double>(limits_operations) * arithmetic_items;
  return {rate(read_, static_cast<double>(limits_piece) * pieces_), rate(int8_, operations),
          rate(f32_, operations)};
}

}  // namespace troupe::kernels::cpu
