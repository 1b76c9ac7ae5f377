#include "cluster/batching/batch_scheduler.hpp"

#include <algorithm>
#include <utility>

namespace troupe {

std::uint32_t batch_scheduler::pages_for(std::uint32_t positions) const {
  return (positions + limits_.page_size - 1) / limits_.page_size;
}

result<void> batch_scheduler::add(request_id id, std::shared_ptr<const generation_request> asked,
                                  time_point now) {
  if (asked->prompt.empty())
    return fail(errc::invalid_argument, "request {}: the prompt has no tokens", id);
  if (asked->choices == 0)
    return fail(errc::invalid_argument, "request {}: asks for no choices", id);
  const std::uint64_t positions = std::uint64_t{asked->prompt.size()} + asked->max_tokens;
  const std::uint64_t most =
      std::min<std::uint64_t>(limits_.context, std::uint64_t{limits_.pages} * limits_.page_size);
  if (positions > most) {
    return fail(errc::out_of_range,
                "request {}: {} prompt tokens and {} to draw pass the {} positions there are", id,
                asked->prompt.size(), asked->max_tokens, most);
  }
  if (waiting_.size() + asked->choices > limits_.max_waiting) {
    return fail(errc::exhausted, "the queue is full: {} sequences are waiting, at most {} may",
                waiting_.size(), limits_.max_waiting);
  }
  const auto [place, fresh] = requests_.try_emplace(id);
  if (!fresh) return fail(errc::already_exists, "request {} exists already", id);
  place->second = std::make_unique<request_record>();
  request_record& r = *place->second;
  r.id = id;
  r.sampling = std::shared_ptr<const sampling_params>(asked, &asked->sampling);
  r.asked = std::move(asked);
  r.arrived = now;
  r.open_choices = r.asked->choices;
  for (std::uint32_t choice = 0; choice < r.asked->choices; ++choice) {
    auto s = std::make_unique<sequence>();
    s->id = next_sequence_++;
    s->order = s->id;
    s->request = &r;
    s->choice = choice;
    s->tokens = r.asked->prompt;
    r.sequences.push_back(s->id);
    waiting_.push_back(s.get());
    sequences_.emplace(s->id, std::move(s));
  }
  return {};
}

std::variant<batch_scheduler::idle, cache_request, std::shared_ptr<const step_plan>>
batch_scheduler::next(time_point now) {
  if (asking_) return idle{};
  admit(now);
  if (flights_.size() < limits_.in_flight) {
    const auto rows = choose_rows();
    if (!rows.empty() && reserve(rows) && pending_.empty()) return compose(rows);
  }
  if (pending_.empty()) return idle{};
  asked_ = std::exchange(pending_, {});
  asked_.epoch = epoch_;
  asking_ = true;
  return asked_;
}

void batch_scheduler::on_cache(const cache_reply& reply) {
  if (!asking_) return;
  asking_ = false;
  available_pages_ = reply.available_pages;
  bool refused = false;
  for (std::size_t i = 0; i < asked_.extends.size(); ++i) {
    const auto known = sequences_.find(asked_.extends[i].sequence);
    if (i >= reply.extended.size() || !reply.extended[i]) {
      refused = true;
    } else if (known != sequences_.end()) {
      known->second->granted = pages_for(asked_.extends[i].positions) * limits_.page_size;
    }
  }
  for (std::size_t i = 0; i < asked_.opens.size(); ++i) {
    sequence& s = *sequences_.at(asked_.opens[i].sequence);
    const std::uint32_t cached = i < reply.cached.size() ? reply.cached[i] : 0;
    if (s.state == sequence_state::leaving) {
      give_back(s);
      continue;
    }
    s.state = sequence_state::running;
    s.computed = s.committed = s.granted = cached;
    if (reply.uneven) pending_.trims.push_back({s.id, cached});
    if (s.choice == 0 && !s.request->has_token && s.drawn() == 0) s.request->cached_tokens = cached;
  }
  if (!refused) return;
  // The youngest makes room. If a step still uses it, its result comes first and this is tried
  // again.
  const auto youngest = std::find_if(running_.rbegin(), running_.rend(), [](const sequence* s) {
    return s->state == sequence_state::running;
  });
  if (youngest != running_.rend() && (*youngest)->in_flight == 0) preempt(**youngest);
}

std::vector<request_news> batch_scheduler::on_step(const step_result& result, time_point now) {
  const auto flying = flights_.find(result.id);
  if (flying == flights_.end()) return {};
  const std::shared_ptr<const step_plan> plan = flying->second;
  flights_.erase(flying);

  std::map<request_id, request_news> news;
  std::vector<sequence*> alive(plan->runs.size(), nullptr);
  for (std::size_t i = 0; i < plan->runs.size(); ++i) {
    sequence& s = *sequences_.at(plan->runs[i].sequence);
    --s.in_flight;
    if (s.state == sequence_state::leaving) {
      if (s.in_flight == 0) give_back(s);
      continue;
    }
    alive[i] = &s;
    advance(s, static_cast<std::uint32_t>(plan->runs[i].tokens.size()));
  }
  for (std::size_t i = 0; i < plan->scores.size() && i < result.scores.size(); ++i) {
    if (sequence* s = alive[plan->scores[i].run])
      s->request->prompt_scores.push_back(result.scores[i]);
  }
  for (sequence* s : alive) {
    if (s == nullptr || s->computed < s->prompt_length() || s->request->has_token) continue;
    s->request->has_token = true;
    s->request->first_token = now;
    if (s->request->asked->prompt_logprobs)
      news[s->request->id].prompt_scores = s->request->prompt_scores;
  }
  for (std::size_t i = 0; i < plan->samples.size() && i < result.samples.size(); ++i) {
    sequence*& s = alive[plan->samples[i].run];
    if (s == nullptr) continue;
    request_news& n = news[s->request->id];
    draw(*s, result.samples[i], n);
    if (n.tokens.back().finish == finish_reason::none) continue;
    finish(*s, n, now);
    s = nullptr;  // gone, with its request if it was the last choice
  }
  for (sequence* s : alive) {
    if (s == nullptr || s->state != sequence_state::running || s->request->asked->max_tokens > 0)
      continue;
    if (s->remaining() > 0) continue;
    // Only the prompt was asked for: no token, but every choice still has an end.
    request_news& n = news[s->request->id];
    token_event end;
    end.choice = s->choice;
    end.finish = finish_reason::length;
    n.tokens.push_back(end);
    finish(*s, n, now);
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
  commit(s);
  if (s.choice == 0 && s.computed >= s.prompt_length()) s.request->prefix_ready = true;
}

void batch_scheduler::commit(sequence& s) {
  if (!limits_.reuse_prefixes) return;
  const std::uint32_t full = s.computed / limits_.page_size * limits_.page_size;
  if (full <= s.committed) return;
  pending_.commits.push_back(
      {s.id, s.committed, {s.tokens.begin() + s.committed, s.tokens.begin() + full}});
  s.committed = full;
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
  const bool stops = std::ranges::find(asked.stop_tokens, drawn.token) != asked.stop_tokens.end();
  if (stops && s.drawn() > asked.min_tokens) {
    event.finish = finish_reason::stop;
  } else if (s.drawn() >= asked.max_tokens || s.length() >= limits_.context) {
    event.finish = finish_reason::length;
  }
  news.tokens.push_back(std::move(event));
}

void batch_scheduler::finish(sequence& s, request_news& news, time_point now) {
  request_record& r = *s.request;
  if (--r.open_choices == 0) {
    const auto seconds = [](time_point from, time_point to) {
      return std::chrono::duration<double>(to - from).count();
    };
    generation_summary sum;
    sum.prompt_tokens = s.prompt_length();
    sum.completion_tokens = r.completion_tokens;
    sum.cached_tokens = r.cached_tokens;
    sum.queue_seconds = seconds(r.arrived, r.started);
    sum.prefill_seconds = seconds(r.started, r.first_token);
    sum.decode_seconds = seconds(r.first_token, now);
    news.summary = sum;
  }
  give_back(s);
}

}  // namespace troupe
