#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "kernels/api/dtype.hpp"
#include "kernels/api/stream.hpp"

namespace troupe::kernels::cpu {

/// What a body may know of the thread that runs it.
struct worker {
  std::uint32_t index = 0;  ///< 0 .. threads - 1
  std::uint32_t threads = 1;
  std::byte* scratch = nullptr;  ///< this thread's own, 64-byte aligned, contents undefined
  std::size_t scratch_bytes = 0;
};

/// What one task moved and computed, for a profile.
struct task_cost {
  const char* operation = "";  ///< a literal
  /// The weights of a product; rows 0 where there are none.
  dtype type = dtype::f32;
  std::uint32_t rows = 0;
  std::uint32_t cols = 0;
  bool integer = false;      ///< `operations` are products of bytes
  bool starts_step = false;  ///< a mark, not work
  double bytes = 0;          ///< memory read and written
  double operations = 0;     ///< additions and multiplications
};

/// One operation cut into `items` independent pieces. A stream copies it whole, so it holds no
/// pointer into itself and owns nothing.
struct task {
  static constexpr std::size_t capacity = 232;
  using body_fn = void (*)(const void* params, std::uint32_t begin, std::uint32_t end,
                           const worker&);

  using cost_fn = task_cost (*)(const void* params);

  body_fn body = nullptr;
  cost_fn cost = nullptr;  ///< asked by a stream that keeps a profile, after the task has run
  std::uint32_t items = 0;
  std::uint32_t grain = 1;  ///< items handed to a thread at a time, at least 1
  alignas(16) std::byte params[capacity];

  template <class Params>
  static task make(body_fn body, const Params& p, std::uint32_t items, std::uint32_t grain = 1) {
    static_assert(std::is_trivially_copyable_v<Params> && sizeof(Params) <= capacity);
    task t;
    t.body = body;
    t.items = items;
    t.grain = grain == 0 ? 1 : grain;
    std::memcpy(t.params, &p, sizeof p);
    return t;
  }
};

/// The CPU's stream: tasks run one after another, the pieces of each on all threads of the pool.
class stream : public kernels::stream {
 public:
  /// Any thread. Blocks only while the queue is full.
  virtual void submit(const task& t) = 0;
  /// Threads that share the pieces of a task.
  [[nodiscard]] virtual std::uint32_t threads() const = 0;

 protected:
  ~stream() = default;
};

/// Bytes of scratch each worker is promised.
inline constexpr std::size_t worker_scratch_bytes = 4U << 20U;

}  // namespace troupe::kernels::cpu
