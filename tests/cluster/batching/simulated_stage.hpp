#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <unordered_map>
#include <vector>

#include "cluster/batching/cache_request.hpp"
#include "runtime/engine/step.hpp"
#include "tests/cluster/batching/simulated_model.hpp"

namespace troupe::test {

/// The KV of one position: the text that was read before its token and with it. A page's slot that
/// holds another text than the one being continued shows at once.
struct kv_slot {
  text_chain before = 0;
  text_chain after = 0;
  friend bool operator==(const kv_slot&, const kv_slot&) = default;
};

/// The memory of a stage's KV pages.
class slot_store {
 public:
  slot_store(std::uint32_t page_size, std::uint32_t pages)
      : page_size_(page_size), slots_(std::size_t{page_size} * pages) {}

  [[nodiscard]] kv_slot& at(const std::vector<std::int32_t>& table, std::uint32_t position) {
    const auto page = static_cast<std::size_t>(table.at(position / page_size_));
    return slots_.at(page * page_size_ + position % page_size_);
  }
  [[nodiscard]] const kv_slot& at(const std::vector<std::int32_t>& table,
                                  std::uint32_t position) const {
    const auto page = static_cast<std::size_t>(table.at(position / page_size_));
    return slots_.at(page * page_size_ + position % page_size_);
  }
  [[nodiscard]] std::uint32_t page_size() const { return page_size_; }
  [[nodiscard]] std::uint32_t pages() const {
    return static_cast<std::uint32_t>(slots_.size()) / page_size_;
  }

 private:
  std::uint32_t page_size_;
  std::vector<kv_slot> slots_;
};

/// What a stage tells its buddy about a step.
struct stage_record {
  struct run {
    sequence_id sequence = 0;
    std::uint32_t first = 0;
    std::vector<std::int32_t> table;
    std::vector<kv_slot> rows;
  };
  step_id step = 0;
  std::vector<run> runs;
};

/// A buddy's copy of a stage. It is never told which sequences ended: what it still keeps of those
/// must do no harm.
struct stage_replica {
  slot_store store;
  std::unordered_map<sequence_id, std::vector<std::int32_t>> tables;
  step_id applied = 0;

  /// False: applied already.
  bool apply(const stage_record& record);
};

/// A stage's cache manager, block and stream. Steps that were taken run later, with the page tables
/// they were taken with, also when their epoch is over by then.
class simulated_stage {
 public:
  simulated_stage(std::uint32_t page_size, std::uint32_t pages, bool reuse_prefixes,
                  epoch_number epoch);
  /// The stage as its buddy has it.
  simulated_stage(stage_replica&& replica, bool reuse_prefixes, epoch_number epoch);

  /// Null: of an epoch that is over, or a repetition.
  std::optional<cache_reply> on_request(const cache_request& request);

  using rows = std::vector<std::vector<text_chain>>;  ///< by run: what each row has read
  /// `hidden` comes from the stage before; empty at the first. False: stale or a repetition.
  bool take(const std::shared_ptr<const step_plan>& plan, rows hidden);
  struct done {
    std::shared_ptr<const step_plan> plan;
    rows hidden;
    stage_record record;
  };
  /// Runs the oldest step that was taken, if there is one.
  std::optional<done> run();
  [[nodiscard]] stage_replica snapshot() const;

  [[nodiscard]] const kv_manager& manager() const { return manager_; }
  [[nodiscard]] const slot_store& store() const { return store_; }
  [[nodiscard]] step_id last_run() const { return last_run_; }

 private:
  struct job {
    std::shared_ptr<const step_plan> plan;
    std::vector<page_table> tables;
    rows hidden;
  };
  std::vector<text_chain> compute(const sequence_run& run, const std::vector<std::int32_t>& table);

  kv_manager manager_;
  cache_request_gate gate_;
  slot_store store_;
  epoch_number epoch_;
  step_id last_taken_ = 0;
  step_id last_run_ = 0;
  std::deque<job> jobs_;
};

}  // namespace troupe::test
