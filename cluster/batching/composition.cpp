// What a step computes: rows, and the tokens to draw or to score.
#include <algorithm>
#include <optional>
#include <span>
#include <utility>

#include "cluster/batching/batch_scheduler.hpp"
#include "runtime/sampling/sample_row.hpp"

namespace troupe {
namespace {

/// Of a long prompt, however far into it.
constexpr std::uint32_t least_rows = 4;

bool is_ready(const sequence& s) { return s.state == sequence_state::running && s.in_flight == 0; }

/// The token that must follow what was drawn and guessed.
std::optional<token_id> forced_after(const sequence& s, std::span<const token_id> guessed) {
  const forcing_rule& rule = s.request->asked->forcing;
  if (!may_force(rule, s.drawn() + guessed.size())) return std::nullopt;
  std::vector<token_id> drawn(s.tokens.begin() + s.prompt_length(), s.tokens.end());
  drawn.insert(drawn.end(), guessed.begin(), guessed.end());
  return forced_token(rule, drawn);
}

}  // namespace

std::size_t batch_scheduler::share(std::size_t count) const {
  const std::size_t steps = std::max<std::size_t>(1, limits_.in_flight);
  return (count + steps - 1) / steps;
}

std::size_t batch_scheduler::decoding() const {
  return static_cast<std::size_t>(std::ranges::count_if(running_, [](const sequence* s) {
    return s->state == sequence_state::running && s->remaining() == 1;
  }));
}

std::vector<batch_scheduler::row_choice> batch_scheduler::decoding_rows() const {
  const std::size_t most = std::min<std::size_t>(limits_.step_rows, share(decoding()));
  std::vector<row_choice> rows;
  for (sequence* s : running_) {
    if (rows.size() == most) break;
    if (is_ready(*s) && s->remaining() == 1) rows.push_back({s, 1, {}});
  }
  return rows;
}

void batch_scheduler::add_prompts(std::vector<row_choice>& rows) const {
  std::uint32_t budget = limits_.step_rows;
  for (const row_choice& row : rows) budget -= row.rows();
  // Where several steps are under way, one of nothing but prompts stalls those behind it too.
  const std::size_t decodes = decoding();
  if (decodes > 0) budget = std::min(budget, limits_.prefill_beside);
  const auto prompting = std::ranges::count_if(running_, [](const sequence* s) {
    return s->state == sequence_state::running && s->remaining() > 1;
  });
  const std::size_t most = rows.size() + share(static_cast<std::size_t>(prompting));
  // Of all that are ready, so that a long prompt leaves up to half of a step to those behind it.
  std::uint64_t behind = 0;
  for (const sequence* s : running_)
    if (is_ready(*s) && s->remaining() > 1) behind += s->remaining();
  for (sequence* s : running_) {
    if (budget == 0 || rows.size() == most) break;
    if (!is_ready(*s) || s->remaining() <= 1) continue;
    behind -= s->remaining();
    const auto left = static_cast<std::uint32_t>(std::min<std::uint64_t>(behind, budget / 2));
    std::uint32_t count = std::min({s->remaining(), limits_.prefill_chunk, budget - left});
    std::uint32_t cost = count;
    if (decodes > 0 && limits_.attention_positions > 0) {
      const std::uint32_t less = affordable(*s, count, budget);
      if (less < count) cost = budget;
      count = less;
    }
    rows.push_back({s, count, {}});
    budget -= cost;
  }
}

std::uint32_t batch_scheduler::affordable(const sequence& s, std::uint32_t most,
                                          std::uint32_t budget) const {
  const std::uint64_t each = limits_.attention_positions;
  const std::uint64_t row =
      each + s.computed + most / 2;  // its cost, `each` being that of the first
  return static_cast<std::uint32_t>(
      std::clamp<std::uint64_t>(budget * each / row, std::min(least_rows, most), most));
}

std::uint32_t batch_scheduler::room_for_guesses(const sequence& s) const {
  const generation_request& asked = *s.request->asked;
  if (!asked.speculate || s.drawn() + 1 >= asked.max_tokens || s.length() + 1 >= limits_.context)
    return 0;
  return std::min({limits_.speculation.max_draft, asked.max_tokens - s.drawn() - 1,
                   limits_.context - s.length() - 1});
}

std::vector<speculator::decoding> batch_scheduler::batch_of(
    const std::vector<row_choice>& rows) const {
  // Guesses take pages that nobody else will need soon, and never have anyone give way.
  const std::uint64_t taken = spoken_for();
  std::uint64_t spare = taken < available_pages_ ? available_pages_ - taken : 0;
  std::vector<speculator::decoding> batch;
  batch.reserve(rows.size());
  for (const row_choice& row : rows) {
    const sequence& s = *row.of;
    std::uint32_t most = room_for_guesses(s);
    const std::uint32_t has = std::max(pages_for(s.granted), pages_for(s.length()));
    const std::uint32_t wants = pages_for(s.length() + most);
    if (wants > has + spare) {
      most = has * limits_.page_size - s.length();
    } else if (wants > has) {
      spare -= wants - has;
    }
    batch.push_back({s.order, s.tokens, most, s.request->asked->cache_space});
  }
  return batch;
}

bool batch_scheduler::reserve(const std::vector<row_choice>& rows) {
  bool enough = true;
  for (const row_choice& row : rows) {
    const std::uint32_t wants = row.of->computed + row.rows();
    if (wants <= row.of->granted) continue;
    pending_.extends.push_back({row.of->id, wants});
    enough = false;
  }
  return enough;
}

void batch_scheduler::keep_granted(std::vector<row_choice>& rows) const {
  std::erase_if(rows, [](row_choice& row) {
    const sequence& s = *row.of;
    if (s.computed + row.rows() > s.granted) row.guessed = {};
    return s.computed + row.known > s.granted;
  });
}

void batch_scheduler::reserve_ahead() {
  if (starved_) return;
  std::uint32_t spare = available_pages_;
  for (const sequence* s : running_) {
    if (spare == 0) return;
    const bool full = s->state == sequence_state::running && s->granted == s->length();
    if (!full || s->drawn() + 1 >= s->request->asked->max_tokens) continue;
    pending_.extends.push_back({s->id, s->granted + 1});
    --spare;
  }
}

std::shared_ptr<const step_plan> batch_scheduler::compose(const std::vector<row_choice>& rows,
                                                          time_point now) {
  auto plan = std::make_shared<step_plan>();
  plan->id = next_step_++;
  plan->epoch = epoch_;
  flight step;
  step.since = now;
  step.only_decodes = true;
  for (const row_choice& row : rows) {
    sequence& s = *row.of;
    const auto from = s.tokens.begin() + s.computed;
    const auto run = static_cast<std::uint32_t>(plan->runs.size());
    sequence_run& computed = plan->runs.emplace_back();
    computed = {s.id, s.computed, {from, from + row.known}};
    computed.tokens.insert(computed.tokens.end(), row.guessed.begin(), row.guessed.end());
    add_scores(row, run, *plan);
    add_samples(row, run, *plan);
    step.known.push_back(row.known);
    step.only_decodes = step.only_decodes && row.known == 1;
    ++s.in_flight;
  }
  add_masks(*plan);
  step.plan = plan;
  flights_.emplace(plan->id, std::move(step));
  return plan;
}

void batch_scheduler::add_scores(const row_choice& row, std::uint32_t run, step_plan& plan) const {
  const sequence& s = *row.of;
  const generation_request& asked = *s.request->asked;
  if (!asked.prompt_logprobs || s.choice != 0) return;
  for (std::uint32_t offset = 0; offset < row.known; ++offset) {
    const std::uint32_t position = s.computed + offset;
    if (position + 1 >= s.prompt_length() || position < s.request->prompt_scores.size()) continue;
    plan.scores.push_back({run, offset, asked.prompt[position + 1], asked.sampling.top_logprobs});
  }
}

void batch_scheduler::add_samples(const row_choice& row, std::uint32_t run, step_plan& plan) const {
  const sequence& s = *row.of;
  const generation_request& asked = *s.request->asked;
  if (s.computed + row.known < s.length() || asked.max_tokens == 0) return;
  std::shared_ptr<std::vector<token_id>> history;
  if (needs_history(asked.sampling)) {
    history = std::make_shared<std::vector<token_id>>(s.tokens);
    history->insert(history->end(), row.guessed.begin(), row.guessed.end());
  }
  // Each row is drawn as it would be if it came alone, after the tokens before it.
  for (std::uint32_t ahead = 0; ahead <= row.guessed.size(); ++ahead) {
    sample_point point;
    point.run = run;
    point.offset = row.known - 1 + ahead;
    point.choice = s.choice;
    point.prompt_length = s.prompt_length();
    point.params = s.request->sampling;
    point.history = history;
    point.history_length = s.length() + ahead;
    if (const auto only = forced_after(s, std::span(row.guessed).first(ahead)))
      point.params = std::make_shared<const sampling_params>(draw_only(*only, asked.sampling));
    else if (s.guide != nullptr)
      point.mask = 0;  // numbered once all of the step is known
    else if (s.drawn() + ahead < asked.min_tokens)
      point.banned = asked.stop_tokens;
    plan.samples.push_back(std::move(point));
  }
}

}  // namespace troupe
