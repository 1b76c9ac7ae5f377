#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "kernels/cpu/task.hpp"

namespace troupe::kernels::cpu {

/// What the threads of a stream reach together when they do one thing only. A multiply-add counts
/// as two operations.
struct machine_limits {
  double read_bytes_per_second = 0;  ///< memory read in order
  double int8_per_second = 0;        ///< byte products summed into 32-bit integers, operands in L1
  double f32_per_second = 0;         ///< fused multiply-adds, operands in L1
};

/// Measures machine_limits on a stream, with the instruction set of cpu::target(). Takes about a
/// fifth of a second; the best of several repetitions counts.
class limits_probe {
 public:
  /// Reads `bytes` of memory, which should be several times the last-level cache; throws
  /// std::bad_alloc.
  explicit limits_probe(std::size_t bytes = std::size_t{128} << 20U);

  /// Submits the work and returns. The probe must stay in place until the stream has passed it.
  void submit(stream& s);
  /// The rates, once the stream has passed what submit() gave it.
  [[nodiscard]] machine_limits read() const;

 private:
  using stamps = std::vector<std::chrono::steady_clock::time_point>;
  struct release {
    void operator()(std::byte* data) const;
  };

  static void submit(stream& s, stamps& to, const task& work);

  std::uint32_t pieces_;
  std::unique_ptr<std::byte, release> memory_;
  stamps read_, int8_, f32_;
};

}  // namespace troupe::kernels::cpu
