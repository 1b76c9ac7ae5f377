#include "cluster/batching/batch_scheduler.hpp"

#include <algorithm>
#include <utility>

namespace troupe {
namespace {

/// Between two questions about pages that come from a tier.
constexpr auto look_period = std::chrono::milliseconds(2);

/// The tokens that a resumed request brings, by choice.
result<std::vector<std::vector<token_id>>> drawn_before(request_id id,
                                                        const generation_request& asked) {
  std::vector<std::vector<token_id>> drawn(asked.choices);
  if (asked.resumes == nullptr) return drawn;
  for (const token_event& e : asked.resumes->events) {
    if (e.token < 0) continue;
    if (e.choice >= asked.choices || e.index != drawn[e.choice].size() ||
        (e.index > 0 && ending_of(asked, drawn[e.choice]) != finish_reason::none)) {
      return fail(errc::invalid_argument,
                  "request {}: token {} of choice {} cannot have been drawn for it", id, e.index,
                  e.choice);
    }
    drawn[e.choice].push_back(e.token);
  }
  return drawn;
}

/// A request that only has its prompt scored draws nothing, and ends with the scores.
bool ends_after(const generation_request& asked, std::span<const token_id> drawn) {
  return asked.max_tokens > 0 && ending_of(asked, drawn) != finish_reason::none;
}

}  // namespace

batch_scheduler::batch_scheduler(const batch_limits& limits, epoch_number epoch,
                                 std::unique_ptr<draft_source> drafts)
    : limits_(limits), epoch_(epoch), kept_(kept_limits(limits)), available_pages_(limits.pages) {
  // However many are guessed, half of a step is for prompts.
  limits_.speculation.rows = std::min(limits.speculation.rows, limits.step_rows / 2);
  if (drafts != nullptr || limits.speculation.ask_drafter)
    speculator_.emplace(limits_.speculation, std::move(drafts));
}

std::uint32_t batch_scheduler::pages_for(std::uint32_t positions) const {
  return (positions + limits_.page_size - 1) / limits_.page_size;
}

result<void> batch_scheduler::check(request_id id, const generation_request& asked) const {
  if (asked.prompt.empty())
    return fail(errc::invalid_argument, "request {}: the prompt has no tokens", id);
  if (asked.choices == 0)
    return fail(errc::invalid_argument, "request {}: asks for no choices", id);
  const std::uint64_t positions = std::uint64_t{asked.prompt.size()} + asked.max_tokens;
  const std::uint64_t most = most_positions();
  if (positions > most) {
    return fail(errc::out_of_range,
                "request {}: {} prompt tokens and {} to draw pass the {} positions there are", id,
                asked.prompt.size(), asked.max_tokens, most);
  }
  if (waiting_.size() + asked.choices > limits_.max_waiting) {
    return fail(errc::exhausted, "the queue is full: {} sequences are waiting, at most {} may",
                waiting_.size(), limits_.max_waiting);
  }
  return {};
}

result<void> batch_scheduler::add(request_id id, std::shared_ptr<const generation_request> asked,
                                  time_point now,
                                  std::shared_ptr<const compiled_structure> structure) {
  if (auto sound = check(id, *asked); !sound) return sound;
  if (asked->guide.holds() && structure == nullptr)
    return fail(errc::invalid_argument, "request {}: the structure it asks for is missing", id);
  auto drawn = drawn_before(id, *asked);
  if (!drawn) return fail(std::move(drawn.error()));
  if (std::ranges::all_of(*drawn, [&](const auto& tokens) { return ends_after(*asked, tokens); }))
    return fail(errc::invalid_argument, "request {}: every choice has ended already", id);
  const auto [place, fresh] = requests_.try_emplace(id);
  if (!fresh) return fail(errc::already_exists, "request {} exists already", id);
  place->second = std::make_unique<request_record>();
  request_record& r = *place->second;
  r.id = id;
  r.sampling = std::shared_ptr<const sampling_params>(asked, &asked->sampling);
  r.structure = asked->guide.holds() ? std::move(structure) : nullptr;
  r.asked = std::move(asked);
  r.arrived = now;
  if (const auto& before = r.asked->resumes; before != nullptr) {
    r.prompt_scores = before->prompt_scores;
    r.scores_told = !r.prompt_scores.empty();
    r.cached_known = before->cached_tokens.has_value();
    r.cached_tokens = before->cached_tokens.value_or(0);
    r.created_tokens = before->created_tokens;
  }
  for (std::uint32_t choice = 0; choice < r.asked->choices; ++choice)
    queue_choice(r, choice, std::move((*drawn)[choice]));
  return {};
}

void batch_scheduler::queue_choice(request_record& r, std::uint32_t choice,
                                   std::vector<token_id> drawn) {
  r.completion_tokens += static_cast<std::uint32_t>(drawn.size());
  if (ends_after(*r.asked, drawn)) {
    r.prefix_ready = r.prefix_ready || choice == 0;
    return;
  }
  auto s = std::make_unique<sequence>();
  s->id = next_sequence_++;
  s->order = s->id;
  s->request = &r;
  s->choice = choice;
  s->tokens = r.asked->prompt;
  s->tokens.insert(s->tokens.end(), drawn.begin(), drawn.end());
  if (r.structure != nullptr) s->guide = std::make_unique<token_guide>(r.structure, r.asked->guide);
  ++r.open_choices;
  r.sequences.push_back(s->id);
  waiting_.push_back(s.get());
  sequences_.emplace(s->id, std::move(s));
}

batch_scheduler::action batch_scheduler::next(time_point now) {
  now_ = now;
  if (asking_ || drafting_) return idle{};
  if (reconcile_) {
    reconcile_ = false;
    return ask(reconcile_request());
  }
  kept_.expire(now);
  for (const sequence_id holder : kept_.take_dropped()) pending_.releases.push_back(holder);
  admit(now);
  if (!fetching_.empty() && now >= look_again_) {
    pending_.awaits = fetching_;
    look_again_ = now + look_period;
  }
  if (flights_.size() < limits_.in_flight) {
    std::vector<row_choice> rows = decoding_rows();
    if (speculator_ && !rows.empty()) {
      const auto batch = batch_of(rows);
      if (auto ask = speculator_->ask(batch)) {
        drafting_ = true;
        drafting_since_ = now;
        return std::move(*ask);
      }
      const auto guessed = speculator_->choose(batch);
      for (std::size_t i = 0; i < rows.size(); ++i) rows[i].guessed = guessed[i];
    }
    add_prompts(rows);
    if (starved_) keep_granted(rows);
    // What else is pending can wait until the device is busy, but not for a second step.
    if (!rows.empty() && reserve(rows) && !overtaken_) {
      overtaken_ = !pending_.empty();
      return compose(rows, now);
    }
    if (rows.empty()) reserve_ahead();
  } else {
    reserve_ahead();
  }
  if (pending_.empty()) return idle{};
  overtaken_ = false;
  return ask(std::exchange(pending_, {}));
}

cache_request batch_scheduler::ask(cache_request request) {
  asked_ = std::move(request);
  asked_.epoch = epoch_;
  asked_.number = ++asks_;
  asking_ = true;
  return asked_;
}

void batch_scheduler::on_drafts(const std::optional<draft_reply>& reply, time_point now) {
  if (!drafting_) return;
  drafting_ = false;
  speculator_->take(reply, std::chrono::duration<double>(now - drafting_since_).count());
}

void batch_scheduler::on_cache(const cache_reply& reply) {
  if (!asking_ || reply.epoch != asked_.epoch || reply.number != asked_.number) return;
  asking_ = false;
  available_pages_ = reply.available_pages;
  if (asked_.reconcile) return on_reconciled(reply);
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
    const auto& o = asked_.opens[i];
    const std::uint32_t cached = i < reply.cached.size() ? reply.cached[i] : 0;
    if (!sequences_.contains(o.sequence)) {
      on_holder(o.sequence, cached);
    } else if (cached == cache_reply::on_its_way) {
      fetching_.push_back(o.sequence);
    } else {
      on_opened(o.sequence, cached, o.at_most, reply.uneven);
    }
  }
  on_arrived(reply);
  if (refused) make_room();
}

void batch_scheduler::on_arrived(const cache_reply& reply) {
  for (std::size_t i = 0; i < asked_.awaits.size(); ++i) {
    const std::uint32_t cached = i < reply.arrived.size() ? reply.arrived[i] : 0;
    if (cached == cache_reply::on_its_way) continue;
    const sequence_id id = asked_.awaits[i];
    std::erase(fetching_, id);
    if (const auto known = sequences_.find(id); known != sequences_.end())
      on_opened(id, cached, known->second->length() - 1, reply.uneven);
  }
}

void batch_scheduler::on_opened(sequence_id id, std::uint32_t found, std::uint32_t at_most,
                                bool uneven) {
  sequence& s = *sequences_.at(id);
  const std::uint32_t cached = std::min(found, at_most);
  if (s.state == sequence_state::leaving) return give_back(s);
  s.state = sequence_state::running;
  s.computed = s.committed = s.granted = cached;
  s.reached = {{0, cached}};  // what can be found is durable
  if (uneven) pending_.trims.push_back({s.id, cached});
  if (s.choice == 0) count_cached(s, cached);
}

void batch_scheduler::count_cached(sequence& s, std::uint32_t cached) {
  request_record& r = *s.request;
  std::uint32_t counted = std::min(cached, s.prompt_length());
  if (counted < limits_.least_cached) counted = 0;
  if (!r.asked->cache_marks.empty()) {
    if (r.marked || !limits_.reuse_prefixes) return;
    r.marked = true;
    auto marked = kept_.mark(r.asked->cache_space, r.asked->prompt, r.asked->cache_marks, now_,
                             next_sequence_);
    r.keeping = std::move(marked.fresh);
    counted = std::min(cached, marked.found);
    if (!r.cached_known) r.created_tokens = marked.created;
    keep_marked(s);
  }
  if (!r.has_token && !r.cached_known) r.cached_tokens = counted;
}

void batch_scheduler::make_room() {
  if (release_parted()) return;
  // One alone has all that is not kept, and more if it needs more.
  if (running_.size() == 1 && kept_.drop_one()) return;
  // The youngest makes room. If a step still uses it, its result comes first and this is tried
  // again.
  const auto youngest = std::find_if(running_.rbegin(), running_.rend(), [](const sequence* s) {
    return s->state == sequence_state::running;
  });
  if (youngest == running_.rend()) return;
  if ((*youngest)->in_flight == 0) {
    preempt(**youngest);
  } else {
    starved_ = true;
  }
}

}  // namespace troupe
