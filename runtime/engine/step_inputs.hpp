#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "kernels/api/attention.hpp"
#include "kernels/api/sample.hpp"
#include "runtime/cache/kv_manager.hpp"
#include "runtime/engine/step.hpp"

namespace troupe {

/// A step laid out row by row, as the kernels read it. Everything the device reads from the host
/// for this step lives here and must outlive it on the stream.
class step_inputs {
 public:
  /// `tables[i]` is the page table of plan->runs[i] on this stage.
  step_inputs(std::shared_ptr<const step_plan> plan, std::vector<page_table> tables);
  step_inputs(const step_inputs&) = delete;
  step_inputs& operator=(const step_inputs&) = delete;

  [[nodiscard]] const step_plan& plan() const { return *plan_; }
  /// By run: the page table that it is computed with.
  [[nodiscard]] const std::vector<page_table>& tables() const { return tables_; }
  [[nodiscard]] std::uint32_t rows() const { return static_cast<std::uint32_t>(tokens_.size()); }
  [[nodiscard]] const token_id* tokens() const { return tokens_.data(); }
  [[nodiscard]] kernels::row_placement where() const;

  /// Rows that go to the head: first those to sample, then those to score.
  [[nodiscard]] const std::vector<std::uint32_t>& head_rows() const { return head_rows_; }
  [[nodiscard]] std::uint32_t sample_count() const {
    return static_cast<std::uint32_t>(sample_rows_.size());
  }
  [[nodiscard]] const kernels::sample_row* sample_rows() const { return sample_rows_.data(); }
  [[nodiscard]] kernels::sample_result* sample_results() { return sample_results_.data(); }
  /// Before the stream gets to the sampler: waits, at most for `limit`, until the masks of the rows
  /// to sample are there. Where they are not, nothing may be drawn.
  [[nodiscard]] token_masks::state await_masks(std::chrono::milliseconds limit) const {
    return plan_->masks == nullptr ? token_masks::state::there : plan_->masks->await(limit);
  }
  [[nodiscard]] const token_id* score_targets() const { return score_targets_.data(); }
  [[nodiscard]] const std::uint32_t* score_tops() const { return score_tops_.data(); }
  [[nodiscard]] kernels::sample_result* score_results() { return score_results_.data(); }

  /// Keeps what the stream reads of this step as long as this.
  void keep(std::shared_ptr<const void> memory) { kept_.push_back(std::move(memory)); }

  /// Reads the results once the stream has passed the step.
  [[nodiscard]] step_result collect() const;

 private:
  void lay_out_rows();
  void lay_out_head();

  std::shared_ptr<const step_plan> plan_;
  std::vector<page_table> tables_;
  std::vector<const std::int32_t*> table_pointers_;
  std::vector<token_id> tokens_;
  std::vector<std::int32_t> positions_;
  std::vector<std::uint32_t> sequences_;
  std::vector<std::uint32_t> run_starts_;
  std::vector<std::uint32_t> head_rows_;
  std::vector<std::vector<kernels::token_bias>> biases_;
  std::vector<kernels::sample_row> sample_rows_;
  std::vector<kernels::sample_result> sample_results_;
  std::vector<token_id> score_targets_;
  std::vector<std::uint32_t> score_tops_;
  std::vector<kernels::sample_result> score_results_;
  std::vector<std::shared_ptr<const void>> kept_;
};

}  // namespace troupe
