#pragma once

#include <map>
#include <memory>
#include <vector>

#include "runtime/cache/kv_log.hpp"
#include "runtime/cache/kv_manager.hpp"
#include "runtime/cache/kv_replica.hpp"
#include "runtime/device/cpu_device.hpp"
#include "tests/runtime/cache/kv_memory.hpp"

namespace troupe::test {

/// A frame as it travels.
struct kv_frame {
  bool snapshot = false;
  std::vector<std::byte> header;
  std::vector<std::byte> payload;
};

[[nodiscard]] kv_frame sent(const logged_record& record);
[[nodiscard]] kv_frame sent(const logged_snapshot& piece);
/// Decodes a frame and applies it.
[[nodiscard]] result<void> deliver(const kv_frame& frame, kv_replica& to);

/// A stage that serves: sequences come, share prefixes, are computed in chunks and one by one, take
/// rejected guesses back, lose their pages and return, and end. What its steps write is random.
class kv_primary {
 public:
  kv_primary(device& d, const kv_layout& layout, std::uint32_t pages, const kv_log::limits& limits,
             std::uint64_t seed);

  [[nodiscard]] kv_log& log() { return log_; }
  [[nodiscard]] const kv_store& store() const { return store_; }
  [[nodiscard]] step_id steps() const { return step_; }
  [[nodiscard]] generator& random() { return random_; }
  /// Sequences that are open, with their pages.
  [[nodiscard]] kv_log::open_tables open() const;
  /// Tables that a replica of this log must hold after the last record and pieces.
  [[nodiscard]] const std::map<sequence_id, std::vector<std::int32_t>>& told() const {
    return told_;
  }

  /// A new log for somebody who knows nothing.
  void begin_log();
  /// Some of what may happen between steps, then a step; its frames.
  [[nodiscard]] std::vector<kv_frame> step();

 private:
  struct sequence {
    std::vector<token_id> tokens;
    std::uint32_t computed = 0;
    std::uint32_t committed = 0;
  };
  void admit();
  void drop(sequence_id id);
  void disturb();
  void add_run(sequence_id id, sequence& s, step_plan& plan, std::vector<page_table>& tables);

  generator random_;
  kv_layout layout_;
  kv_manager manager_;
  kv_store store_;
  kv_log log_;
  std::map<sequence_id, sequence> live_;
  std::map<sequence_id, std::vector<std::int32_t>> told_;
  sequence_id next_ = 1;
  step_id step_ = 0;
  std::uint64_t log_number_ = 0;
};

}  // namespace troupe::test
