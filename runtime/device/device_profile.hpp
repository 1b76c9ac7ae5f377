#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace troupe {

/// All tasks of one kind: one operation, and of products one shape and type of weights.
struct operation_profile {
  std::string operation;  ///< "rms_norm", "linear 49152x576 Q4_1"
  std::uint64_t calls = 0;
  double seconds = 0;     ///< from the first thread's start to the last one's end
  double bytes = 0;       ///< memory read and written
  double operations = 0;  ///< additions and multiplications
  bool integer = false;   ///< `operations` are products of bytes
};

/// Where a stream's time went: the operations', and what lay between them.
struct device_profile {
  std::vector<operation_profile> operations;  ///< longest first
  std::uint64_t steps = 0;                    ///< that have begun
  double handover_seconds = 0;   ///< from one task's end to the next one's start, both there
  double starved_seconds = 0;    ///< within a step, nothing submitted yet
  double step_gap_seconds = 0;   ///< before a step, nothing submitted yet
  double imbalance_seconds = 0;  ///< of the operations' time: a thread's wait for the others, mean

  /// Everything, idle time included.
  [[nodiscard]] double seconds() const;
  /// Adds another profile of the same work.
  void add(const device_profile& more);
};

/// What the device's threads reach together when they do one thing only. A multiply-add counts as
/// two operations.
struct device_limits {
  double read_bytes_per_second = 0;
  double integer_per_second = 0;  ///< products of bytes, summed
  double float_per_second = 0;    ///< float32 multiply-adds
};

/// What a device's threads did besides arithmetic since it was made.
struct device_counters {
  std::uint64_t tasks = 0;   ///< submitted
  std::uint64_t sleeps = 0;  ///< waits that outlasted the spinning: a system call each
  std::uint64_t wakes = 0;   ///< of sleepers: a system call each
};

}  // namespace troupe
