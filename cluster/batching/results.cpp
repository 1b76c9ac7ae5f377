// What a step's result brings to its sequences.
#include <algorithm>
#include <utility>

#include "cluster/batching/batch_scheduler.hpp"

namespace troupe {

std::vector<request_news> batch_scheduler::on_step(const step_result& result, time_point now) {
  const auto flying = flights_.find(result.id);
  if (flying == flights_.end() || result.epoch != epoch_) return {};
  const step_plan& planned = *flying->second.plan;
  if (result.samples.size() != planned.samples.size() ||
      result.scores.size() != planned.scores.size()) {
    return {};
  }
  const flight step = std::move(flying->second);
  const step_plan& plan = *step.plan;
  flights_.erase(flying);
  starved_ = false;

  std::map<request_id, request_news> news;
  std::vector<sequence*> alive(plan.runs.size(), nullptr);
  for (std::size_t i = 0; i < plan.runs.size(); ++i) {
    sequence& s = *sequences_.at(plan.runs[i].sequence);
    --s.in_flight;
    if (s.state == sequence_state::leaving) {
      if (s.in_flight == 0) give_back(s);
      continue;
    }
    alive[i] = &s;
    advance(s, step.known[i]);
  }
  for (std::size_t i = 0; i < plan.scores.size(); ++i) {
    if (sequence* s = alive[plan.scores[i].run])
      s->request->prompt_scores.push_back(result.scores[i]);
  }
  for (sequence* s : alive) {
    if (s == nullptr || s->computed < s->prompt_length() || s->request->has_token) continue;
    s->request->has_token = true;
    s->request->first_token = now;
    news[s->request->id].cached_tokens = s->request->cached_tokens;
    news[s->request->id].created_tokens = s->request->created_tokens;
    if (s->request->asked->prompt_logprobs && !s->request->scores_told)
      news[s->request->id].prompt_scores = s->request->prompt_scores;
  }
  take_samples(step, result, alive, news, now);
  for (sequence* s : alive) {
    if (s == nullptr) continue;
    if (s->request->asked->max_tokens > 0 || s->remaining() > 0) {
      settle(*s, plan.id);
      continue;
    }
    // Only the prompt was asked for: no token, but every choice still has an end.
    request_news& n = news[s->request->id];
    token_event end;
    end.choice = s->choice;
    end.finish = finish_reason::length;
    n.tokens.push_back(end);
    finish(*s, plan.id, n, now);
  }
  std::vector<request_news> out;
  out.reserve(news.size());
  for (auto& [id, n] : news) {
    n.request = id;
    out.push_back(std::move(n));
  }
  return out;
}

void batch_scheduler::advance(sequence& s, std::uint32_t rows) {
  s.computed += rows;
  if (speculator_ && s.request->asked->speculate)
    speculator_->follow(s.order, std::span(s.tokens).first(s.computed));
}

void batch_scheduler::take_samples(const flight& step, const step_result& result,
                                   std::vector<sequence*>& alive,
                                   std::map<request_id, request_news>& news, time_point now) {
  const step_plan& plan = *step.plan;
  std::uint64_t drafted = 0;
  std::uint64_t accepted = 0;
  for (std::size_t i = 0; i < plan.samples.size(); ++i) {
    const sample_point& point = plan.samples[i];
    const sequence_run& run = plan.runs[point.run];
    const bool guessed = point.offset >= step.known[point.run];
    if (guessed) ++drafted;
    sequence*& s = alive[point.run];
    if (s == nullptr) continue;
    if (guessed) {
      // This row read a guess, perhaps after others. It stands if every one of them was drawn.
      const std::uint32_t position = run.first + point.offset;
      if (s->length() != position + 1 || s->tokens[position] != run.tokens[point.offset]) continue;
      ++accepted;
      advance(*s, 1);
    }
    request_news& n = news[s->request->id];
    draw(*s, result.samples[i], n);
    if (n.tokens.back().finish == finish_reason::none) continue;
    finish(*s, plan.id, n, now);
    s = nullptr;  // gone, with its request if it was the last choice
  }
  if (!speculator_) return;
  speculator_->count(drafted, accepted);
  for (const sequence* s : alive)
    if (s != nullptr) speculator_->learn(s->order, s->tokens);
  if (step.only_decodes)
    speculator_->observe_step(plan.rows(), std::chrono::duration<double>(now - step.since).count());
}

void batch_scheduler::draw(sequence& s, const sampled_token& drawn, request_news& news) {
  const generation_request& asked = *s.request->asked;
  token_event event;
  event.choice = s.choice;
  event.index = s.drawn();
  event.token = drawn.token;
  if (asked.sampling.logprobs) event.logprob = drawn.logprob;
  s.tokens.push_back(drawn.token);
  ++s.request->completion_tokens;
  event.finish = ending_of(asked, std::span(s.tokens).subspan(s.prompt_length()));
  // It fitted when it was asked for: pages were lost since.
  if (event.finish == finish_reason::none && s.length() >= most_positions())
    event.finish = finish_reason::error;
  news.tokens.push_back(std::move(event));
}

void batch_scheduler::finish(sequence& s, step_id step, request_news& news, time_point now) {
  settle(s, step);
  request_record& r = *s.request;
  if (--r.open_choices == 0) {
    const auto seconds = [](time_point from, time_point to) {
      return std::chrono::duration<double>(to - from).count();
    };
    generation_summary sum;
    sum.prompt_tokens = s.prompt_length();
    sum.completion_tokens = r.completion_tokens;
    sum.cached_tokens = r.cached_tokens;
    sum.created_tokens = r.created_tokens;
    sum.queue_seconds = seconds(r.arrived, r.started);
    sum.prefill_seconds = seconds(r.started, r.first_token);
    sum.decode_seconds = seconds(r.first_token, now);
    news.summary = sum;
  }
  part(s);
}

}  // namespace troupe
