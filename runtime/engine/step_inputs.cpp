#include "runtime/engine/step_inputs.hpp"

#include <span>
#include <utility>

#include "runtime/sampling/sample_row.hpp"

namespace troupe {
namespace {

token_logprob read_logprob(const kernels::sample_result& from, std::uint32_t top) {
  token_logprob out;
  out.logprob = from.logprob;
  for (std::uint32_t k = 0; k < top && from.top_tokens[k] >= 0; ++k) {
    out.top.emplace_back(from.top_tokens[k], from.top_logprobs[k]);
  }
  return out;
}

}  // namespace

step_inputs::step_inputs(std::shared_ptr<const step_plan> plan, std::vector<page_table> tables)
    : plan_(std::move(plan)), tables_(std::move(tables)) {
  lay_out_rows();
  lay_out_head();
}

void step_inputs::lay_out_rows() {
  const std::uint32_t rows = plan_->rows();
  tokens_.reserve(rows);
  positions_.reserve(rows);
  sequences_.reserve(rows);
  run_starts_.reserve(plan_->runs.size());
  table_pointers_.reserve(tables_.size());
  for (const page_table& t : tables_) table_pointers_.push_back(t->data());
  for (std::size_t i = 0; i < plan_->runs.size(); ++i) {
    const sequence_run& run = plan_->runs[i];
    run_starts_.push_back(static_cast<std::uint32_t>(tokens_.size()));
    for (std::size_t k = 0; k < run.tokens.size(); ++k) {
      tokens_.push_back(run.tokens[k]);
      positions_.push_back(static_cast<std::int32_t>(run.first + k));
      sequences_.push_back(static_cast<std::uint32_t>(i));
    }
  }
}

void step_inputs::lay_out_head() {
  const auto& samples = plan_->samples;
  biases_.resize(samples.size());
  sample_rows_.reserve(samples.size());
  for (std::size_t i = 0; i < samples.size(); ++i) {
    const sample_point& point = samples[i];
    const sequence_run& run = plan_->runs[point.run];
    head_rows_.push_back(run_starts_[point.run] + point.offset);
    biases_[i] = make_bias(*point.params);
    std::span<const token_id> history;
    if (point.history != nullptr) history = std::span(*point.history).first(point.history_length);
    sample_rows_.push_back(make_row(*point.params, point.choice, run.first + point.offset + 1,
                                    history, point.prompt_length, biases_[i], point.banned));
    if (point.mask != no_mask) sample_rows_.back().allowed = plan_->masks->row(point.mask).data();
  }
  sample_results_.resize(samples.size());
  for (const score_point& point : plan_->scores) {
    head_rows_.push_back(run_starts_[point.run] + point.offset);
    score_targets_.push_back(point.target);
    score_tops_.push_back(point.top);
  }
  score_results_.resize(score_targets_.size());
}

kernels::row_placement step_inputs::where() const {
  return {positions_.data(), sequences_.data(), table_pointers_.data(), rows()};
}

step_result step_inputs::collect() const {
  step_result r;
  r.id = plan_->id;
  r.epoch = plan_->epoch;
  r.samples.reserve(sample_results_.size());
  for (std::size_t i = 0; i < sample_results_.size(); ++i) {
    const kernels::sample_result& from = sample_results_[i];
    r.samples.push_back({from.token, read_logprob(from, sample_rows_[i].top_logprobs)});
  }
  r.scores.reserve(score_results_.size());
  for (std::size_t i = 0; i < score_results_.size(); ++i) {
    r.scores.push_back(read_logprob(score_results_[i], score_tops_[i]));
  }
  return r;
}

}  // namespace troupe
