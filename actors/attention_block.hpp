#pragma once

#include <chrono>
#include <deque>
#include <memory>
#include <optional>
#include <unordered_map>
#include <vector>

#include "actors/far_experts.hpp"
#include "actors/interfaces.hpp"
#include "actors/stage_exit.hpp"
#include "runtime/engine/attention_stage.hpp"

namespace troupe {

/// What a node gives an attention block at birth.
struct attention_block_wiring {
  epoch_number epoch = 0;
  std::shared_ptr<device> dev;
  std::shared_ptr<const model_files> files;  ///< keeps the mapped weights alive
  std::shared_ptr<kv_store> kv;
  std::shared_ptr<attention_stage> stage;
  cache_manager_actor cache;
  std::vector<std::vector<expert_shard_actor>> shards;  ///< by layer of the stage
  std::shared_ptr<stage_exit> exit;
  std::shared_ptr<stage_log> log;    ///< null: nobody replicates the stage
  std::unique_ptr<far_experts> far;  ///< null: all experts are in `shards`
  std::size_t hidden_bytes = 0;      ///< of one step's hidden rows
};

/// Walks each step through the stage's layers. Everything it does is to submit work and to send
/// messages that name tensors on the stream: it never waits for arithmetic, and runs ahead of it.
/// Only where a layer has experts on other nodes does it go on once their outputs are there.
///
/// Steps are taken one at a time, in order of arrival: a stage's workspace serves one step, and the
/// stream keeps successive steps apart.
class attention_block_state {
 public:
  static inline const char* name = "attention_block";

  attention_block_state() = default;
  attention_block_state(const attention_block_state&) = delete;
  attention_block_state& operator=(const attention_block_state&) = delete;
  /// Leaves the memory that submitted work still uses to the stream.
  ~attention_block_state();

  void start(asking_block_actor::pointer self, std::unique_ptr<attention_block_wiring> wiring);
  void on_step(step_message m);
  void on_applied(const expert_applied& done);
  void on_chosen(const experts_chosen& chosen);
  void on_answer(const expert_answer& answer);
  void on_lost(peer_id node);
  void on_tick();
  void on_tables(const table_changes& changes);
  /// Goes on in a new epoch. Steps of the old one are dropped; what was submitted of them still
  /// runs, and writes what will be written again.
  void on_rewire(stage_rewiring& wiring);

 private:
  void begin_next();
  void ask_tables();
  void begin(std::vector<page_table> tables);
  /// Whether `table` has pages for every position of `run`.
  [[nodiscard]] bool covers(const page_table& table, const sequence_run& run) const;
  void enter_layer(std::uint32_t layer);
  void part_done();
  /// What became of the rows that were sent for.
  void follow(remote_experts::progress now);
  void wake_at_deadline();
  void leave_stage();
  /// Submits the head; false: the step has come to its end without.
  [[nodiscard]] bool draw();
  void finish_step();
  void fail(error why);
  void abandon();
  /// Whether the next stage is given hidden rows in the device's own memory.
  [[nodiscard]] bool leaves_on_device() const;
  [[nodiscard]] hidden_rows borrow_hidden(bool on_device);

  asking_block_actor::pointer self_ = nullptr;
  std::unique_ptr<attention_block_wiring> w_;
  std::deque<step_message> queue_;
  std::unordered_map<sequence_id, page_table> tables_;  ///< of open sequences
  bool busy_ = false;
  step_message current_;
  std::shared_ptr<step_inputs> inputs_;
  std::uint32_t layer_ = 0;
  std::uint64_t begun_ = 0;  ///< steps: tells answers to this one from answers to others
  std::size_t awaited_ = 0;  ///< shards that have not yet submitted this layer; the far ones as one
  bool asking_ = false;      ///< outputs of other nodes are awaited
  std::optional<std::chrono::steady_clock::time_point> wakes_at_;
  std::vector<hidden_rows> hidden_pool_;  ///< in memory that the device shares with the machine
  std::vector<hidden_rows> device_pool_;  ///< in its own
  std::uint64_t stale_ = 0;
};

asking_block_actor::behavior_type attention_block(
    asking_block_actor::stateful_pointer<attention_block_state> self,
    const std::shared_ptr<std::unique_ptr<attention_block_wiring>>& wiring);

}  // namespace troupe
