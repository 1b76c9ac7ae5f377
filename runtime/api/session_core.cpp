#include "runtime/api/session_core.hpp"

#include <algorithm>
#include <utility>

namespace troupe {
namespace {

/// Passes one request's callbacks on, and keeps the session alive meanwhile.
class slot_listener final : public generation_listener {
 public:
  slot_listener(std::shared_ptr<session_core> session, std::size_t slot)
      : session_(std::move(session)), slot_(slot) {}

  void on_prompt_scored(std::span<const token_logprob> logprobs) override {
    session_->on_prompt_scored(slot_, logprobs);
  }
  void on_prompt_cached(std::uint32_t tokens) override {
    session_->on_prompt_cached(slot_, tokens);
  }
  void on_prompt_kept(std::uint32_t tokens) override { session_->on_prompt_kept(slot_, tokens); }
  void on_tokens(std::span<const token_event> events) override {
    session_->on_tokens(slot_, events);
  }
  void on_done(const generation_summary& summary) override { session_->on_done(slot_, summary); }
  void on_error(const error& e) override { session_->on_error(slot_, e); }

 private:
  std::shared_ptr<session_core> session_;
  std::size_t slot_;
};

/// Why is the operator's to know: the ledger tells it.
api_error not_counted() {
  return to_api_error(
      error(errc::unavailable, "the answer is lost, as its usage could not be kept; try again"));
}

}  // namespace

session_core::session_core(const api_context& context, request_options options,
                           std::unique_ptr<answer_format> format, const stream_place& place,
                           std::shared_ptr<response_sink> sink,
                           std::shared_ptr<session_observer> observer)
    : service_(*context.service),
      options_(std::move(options)),
      format_(std::move(format)),
      place_(place),
      sink_(std::move(sink)),
      observer_(std::move(observer)),
      vocabulary_(context.model->tokens),
      account_(context.account, format_->header()) {}

/// Runs a change under the lock, writes what it produced, and cancels afterwards what it gave up:
/// the engine is never called with the lock held.
template <class Change>
void session_core::locked(const Change& change) {
  std::vector<request_id> cancelled;
  {
    const std::lock_guard lock(mutex_);
    if (!closed_) {
      change();
      if (!closed_) flush();
    }
    cancelled.swap(to_cancel_);
  }
  for (const request_id id : cancelled) service_.cancel(id);
}

bool session_core::start(std::vector<session_prompt> prompts, bool echo, const submitter& submit) {
  std::vector<generation_request> requests;
  {
    const std::lock_guard lock(mutex_);
    echo_ = echo;
    std::uint32_t index = 0;
    for (session_prompt& p : prompts) {
      slots_.push_back(
          {answer_builder(vocabulary_, options_, p.request.stop_tokens, index, p.prompt.in_thought),
           std::move(p.prompt),
           {},
           {}});
      slots_.back().marks = !p.request.cache_marks.empty();
      index += options_.choices;
      requests.push_back(std::move(p.request));
    }
    if (options_.stream) frames_ = format_->preamble();
    if (!options_.stream) whole_.resize(index);
    for (std::uint32_t i = 0; i < whole_.size(); ++i) whole_[i].index = i;
  }
  for (std::size_t i = 0; i < requests.size(); ++i) {
    auto id =
        submit(std::move(requests[i]), std::make_shared<slot_listener>(shared_from_this(), i));
    if (!id) {
      locked([&] { refuse_answer(to_api_error(id.error())); });
      return false;
    }
    bool unwanted = false;
    {
      const std::lock_guard lock(mutex_);
      slots_[i].id = *id;
      unwanted = closed_ || slots_[i].done;
    }
    // The answer ended while the request was on its way in.
    if (unwanted) service_.cancel(*id);
  }
  locked([&] { begin_stream(); });
  return true;
}

void session_core::begin_stream() {
  submitted_ = true;
  if (options_.stream) sink_->begin(200, "text/event-stream");
}

void session_core::cancel() {
  locked([&] { leave(); });
}

void session_core::on_prompt_scored(std::size_t slot, std::span<const token_logprob> logprobs) {
  locked([&] { slots_[slot].prompt_logprobs.assign(logprobs.begin(), logprobs.end()); });
}

void session_core::on_prompt_cached(std::size_t slot, std::uint32_t tokens) {
  locked([&] { slots_[slot].cached = tokens; });
}

void session_core::on_prompt_kept(std::size_t slot, std::uint32_t tokens) {
  locked([&] { slots_[slot].created = tokens; });
}

void session_core::on_tokens(std::size_t slot, std::span<const token_event> events) {
  locked([&] {
    slot_state& s = slots_[slot];
    if (s.done) return;
    open_slot(s);
    if (place_.resumable) {
      for (std::size_t i = 0; i < events.size() && !closed_; ++i) take(s, events.subspan(i, 1));
    } else {
      take(s, events);
    }
    if (closed_ || !s.builder.ended() || s.builder.ended_by_engine()) return;
    // Stop strings have ended what the engine would still go on with.
    if (s.id) to_cancel_.push_back(*s.id);
    finish_slot(s);
  });
}

void session_core::take(slot_state& s, std::span<const token_event> events) {
  const std::uint64_t before = s.builder.tokens();
  auto parts = s.builder.push(events);
  if (!parts) return refuse_answer(to_api_error(parts.error()));
  if (observer_ && s.builder.tokens() != before) observer_->on_tokens(s.builder.tokens() - before);
  for (answer_part& part : *parts) emit(std::move(part));
}

void session_core::on_done(std::size_t slot, const generation_summary& summary) {
  locked([&] {
    slot_state& s = slots_[slot];
    if (s.done) return;
    if (!s.builder.ended())
      return refuse_answer(
          to_api_error(error(errc::internal, "the engine ended a request before its choices")));
    s.cached = summary.cached_tokens;
    s.created = summary.created_tokens;
    if (observer_) observer_->on_summary(summary);
    finish_slot(s);
  });
}

void session_core::on_error(std::size_t slot, const error& e) {
  locked([&] {
    if (slots_[slot].done) return;  // All of it is here; it may wait for the ledger.
    slots_[slot].done = true;       // There is nothing to cancel: it may be somebody else's by now.
    refuse_answer(to_api_error(e));
  });
}

void session_core::open_slot(slot_state& s) {
  if (std::exchange(s.opened, true)) return;
  if (options_.stream) {
    const auto first = static_cast<std::uint32_t>(&s - slots_.data()) * options_.choices;
    for (std::uint32_t i = 0; i < options_.choices; ++i)
      if (const std::string opening = format_->opening(first + i); !opening.empty()) frame(opening);
  }
  if (!echo_) return;
  for (answer_part& part : s.builder.echo(s.prompt, s.prompt_logprobs)) emit(std::move(part));
}

void session_core::emit(answer_part part) {
  if (observer_ && part.finish != finish_reason::none) observer_->on_choice(part.finish);
  if (!options_.stream) {
    answer_part& whole = whole_[part.index];
    return whole.add(std::move(part));
  }
  answer_part end;
  end.index = part.index;
  end.finish = std::exchange(part.finish, finish_reason::none);
  end.called = std::exchange(part.called, false);
  if (!part.empty()) show(std::move(part));
  if (end.finish == finish_reason::none) return;
  holding_ = holding_ || all_ended();
  show(std::move(end));
}

/// The last of an answer is held until it is counted: no client sees the end of one that is not.
void session_core::show(answer_part part) {
  if (holding_) return held_.push_back(std::move(part));
  frame(format_->chunk(part, usage_now()));
}

bool session_core::all_ended() const {
  return std::all_of(slots_.begin(), slots_.end(),
                     [](const slot_state& s) { return s.builder.ended(); });
}

void session_core::frame(std::string_view json) {
  if (++events_ > place_.after) frames_ += format_->frame(json, events_);
}

/// With what the prompts under way have drawn so far.
usage_counts session_core::usage_now() const {
  usage_counts now = usage_;
  for (const slot_state& s : slots_)
    if (!s.done) count(s, now);
  return now;
}

void session_core::flush() {
  if (!options_.stream || !submitted_) return;
  if (complete_) {
    closed_ = true;
    return sink_->end(std::exchange(frames_, {}));
  }
  if (!frames_.empty() && !sink_->write(std::exchange(frames_, {}))) leave();
}

void session_core::count(const slot_state& s, usage_counts& to) const {
  to.prompt += s.prompt.tokens.size();
  to.completion += s.builder.tokens();
  to.cached += s.cached;
  if (s.marks) to.created = to.created.value_or(0) + s.created;
  if (options_.markup.thoughts != thought_markup::none)
    to.reasoning = to.reasoning.value_or(0) + s.builder.reasoning_tokens();
}

void session_core::finish_slot(slot_state& s) {
  s.done = true;
  count(s, usage_);
  if (++slots_done_ == slots_.size()) complete();
}

void session_core::complete() {
  auto priced = account_.price(usage_);
  if (!priced) return refuse_answer(to_api_error(priced.error()));
  if (!account_.keeps()) {
    charge(usage_);
    return tell_end();
  }
  const auto taken =
      account_.keep(usage_, false, [self = shared_from_this()](const result<void>& kept) {
        // Its client may have left meanwhile; usage_ no longer changes.
        if (kept) self->charge(self->usage_);
        self->locked([&] {
          if (!kept) return self->refuse_answer(not_counted());
          self->tell_end();
        });
      });
  if (!taken) refuse_answer(not_counted());
}

void session_core::charge(const usage_counts& usage) const {
  if (observer_ && usage.cost) observer_->on_cost(*usage.cost);
}

void session_core::tell_end() {
  if (options_.stream) {
    for (const answer_part& part : held_) frame(format_->chunk(part, usage_));
    if (options_.include_usage) frame(format_->usage_chunk(usage_));
    frames_ += format_->ending();
    complete_ = true;
    return;
  }
  closed_ = true;
  sink_->begin(200, "application/json");
  sink_->end(format_->whole(whole_, usage_));
}

/// An error is the whole answer while nothing was sent, and an event of the stream afterwards. What
/// a client comes back for may be told with its failure, before the stream has begun.
void session_core::refuse_answer(const api_error& e) {
  if (options_.stream && !submitted_ && place_.resumable && events_ > 0) begin_stream();
  if (options_.stream && submitted_) {
    frames_ += format_->error_frame(e, events_);
    sink_->end(std::exchange(frames_, {}));
  } else {
    sink_->fail(e);
  }
  abandon();
}

/// The client has left before the end: what was drawn for it counts.
void session_core::leave() {
  usage_counts so_far = usage_now();
  const bool kept_already = slots_done_ == slots_.size();
  if (!kept_already && so_far.completion != 0 && account_.price(so_far)) {
    charge(so_far);
    if (account_.keeps()) (void)account_.keep(so_far, true, [](const result<void>&) {});
  }
  abandon();
}

void session_core::abandon() {
  closed_ = true;
  frames_.clear();
  for (const slot_state& s : slots_)
    if (!s.done && s.id) to_cancel_.push_back(*s.id);
}

}  // namespace troupe
