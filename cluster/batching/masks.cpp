// Which tokens may be drawn in a step, of choices that are held to a structure.
#include <span>
#include <vector>

#include "cluster/batching/batch_scheduler.hpp"

namespace troupe {

void batch_scheduler::add_masks(step_plan& plan) const {
  std::uint32_t rows = 0;
  std::uint32_t vocab = 0;
  for (sample_point& point : plan.samples) {
    if (point.mask == no_mask) continue;
    point.mask = rows++;
    vocab = sequences_.at(plan.runs[point.run].sequence)->request->structure->vocab();
  }
  if (rows > 0) plan.masks = std::make_shared<token_masks>(rows, vocab);
}

void batch_scheduler::fill_masks(const step_plan& plan) {
  if (plan.masks == nullptr) return;
  const flight& step = flights_.at(plan.id);
  std::vector<std::span<std::uint32_t>> rows;
  for (std::size_t i = 0; i < plan.samples.size();) {
    const std::uint32_t run = plan.samples[i].run;
    rows.clear();
    for (; i < plan.samples.size() && plan.samples[i].run == run; ++i) {
      const std::uint32_t mask = plan.samples[i].mask;
      rows.push_back(mask == no_mask ? std::span<std::uint32_t>() : plan.masks->write(mask));
    }
    sequence& s = *sequences_.at(plan.runs[run].sequence);
    if (s.guide == nullptr) continue;
    const auto drawn = std::span<const token_id>(s.tokens).subspan(s.prompt_length());
    const auto guessed = std::span(plan.runs[run].tokens).subspan(step.known[run]);
    s.guide->fill(drawn, guessed, s.request->asked->min_tokens, rows);
  }
  plan.masks->publish();
}

}  // namespace troupe
