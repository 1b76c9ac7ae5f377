// What a step computes: rows, and the tokens to draw or to score.
#include "cluster/batching/batch_scheduler.hpp"

#include <algorithm>
#include <utility>

#include "runtime/sampling/sample_row.hpp"

namespace troupe {

std::vector<std::pair<sequence*, std::uint32_t>> batch_scheduler::choose_rows() const {
  std::vector<std::pair<sequence*, std::uint32_t>> rows;
  std::uint32_t budget = limits_.step_rows;
  const auto ready = [](const sequence* s) {
    return s->state == sequence_state::running && s->in_flight == 0;
  };
  for (sequence* s : running_) {
    if (budget == 0) break;
    if (!ready(s) || s->remaining() != 1) continue;
    rows.emplace_back(s, 1);
    --budget;
  }
  for (sequence* s : running_) {
    if (budget == 0) break;
    if (!ready(s) || s->remaining() <= 1) continue;
    const std::uint32_t count = std::min({s->remaining(), limits_.prefill_chunk, budget});
    rows.emplace_back(s, count);
    budget -= count;
  }
  return rows;
}

bool batch_scheduler::reserve(const std::vector<std::pair<sequence*, std::uint32_t>>& rows) {
  bool enough = true;
  for (const auto& [s, count] : rows) {
    if (s->computed + count <= s->granted) continue;
    pending_.extends.push_back({s->id, s->computed + count});
    enough = false;
  }
  return enough;
}

std::shared_ptr<const step_plan> batch_scheduler::compose(
    const std::vector<std::pair<sequence*, std::uint32_t>>& rows) {
  auto plan = std::make_shared<step_plan>();
  plan->id = next_step_++;
  plan->epoch = epoch_;
  for (const auto& [s, count] : rows) {
    const auto from = s->tokens.begin() + s->computed;
    plan->runs.push_back({s->id, s->computed, {from, from + count}});
    add_head_work(*s, static_cast<std::uint32_t>(plan->runs.size() - 1), count, *plan);
    ++s->in_flight;
  }
  flights_.emplace(plan->id, plan);
  return plan;
}

void batch_scheduler::add_head_work(const sequence& s, std::uint32_t run, std::uint32_t count,
                                    step_plan& plan) const {
  const generation_request& asked = *s.request->asked;
  if (asked.prompt_logprobs && s.choice == 0) {
    for (std::uint32_t offset = 0; offset < count; ++offset) {
      const std::uint32_t position = s.computed + offset;
      if (position + 1 >= s.prompt_length() || position < s.request->prompt_scores.size()) continue;
      plan.scores.push_back({run, offset, asked.prompt[position + 1], asked.sampling.top_logprobs});
    }
  }
  if (s.computed + count < s.length() || asked.max_tokens == 0) return;
  sample_point point;
  point.run = run;
  point.offset = count - 1;
  point.choice = s.choice;
  point.prompt_length = s.prompt_length();
  point.params = s.request->sampling;
  if (needs_history(*point.params)) point.history = s.tokens;
  if (s.drawn() < asked.min_tokens) point.banned = asked.stop_tokens;
  plan.samples.push_back(std::move(point));
}

}  // namespace troupe
