#include "actors/batcher.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "cluster/batching/speculation/ngram_source.hpp"

namespace troupe {
namespace {

using std::chrono::steady_clock;

constexpr auto tick_period = std::chrono::milliseconds(500);
constexpr auto cache_deadline = std::chrono::seconds(10);
/// Between two looks at pages that come from a tier.
constexpr auto fetch_period = std::chrono::milliseconds(3);
/// Bound on the wait for guesses; without them tokens are drawn one at a time.
constexpr auto draft_deadline = std::chrono::seconds(1);
/// Bound on one step. Within one process a step cannot get lost, so this only ends a defect.
constexpr auto longest_step = std::chrono::minutes(15);
/// Among nodes a step can get lost on the way. Steps one behind another wait for each other, so
/// this is far more than one takes.
constexpr step_deadline::limits patience{
    .multiple = 20, .floor = std::chrono::seconds(2), .ceiling = std::chrono::seconds(60)};
/// For a group to be there, and how many requests may wait for one.
constexpr auto group_patience = std::chrono::seconds(60);
constexpr std::size_t most_early = 4096;
/// For the cache managers of other nodes to answer.
constexpr auto cache_patience = std::chrono::seconds(3);

}  // namespace

void batcher_state::start(batcher_actor::pointer self, std::shared_ptr<engine_board> board,
                          std::shared_ptr<structure_library> structures) {
  self_ = self;
  board_ = std::move(board);
  structures_ = std::move(structures);
  allowed_ = step_deadline(patience);
  self_->delayed_send(self_, tick_period, tick_atom::value);
}

void batcher_state::on_group(serving_group group) {
  group_ = std::move(group);
  group_.limits.speculation.ask_drafter = group_.speculation == speculation_mode::model;
  replies_.clear();
  durable_.clear();
  awaited_.clear();
  asked_since_.reset();
  scheduler_ == nullptr ? begin_group() : continue_with_group();
  board_->set_healthy(true);
  for (const early_request& e : std::exchange(early_, {})) take(e.request, e.from);
  pump();
}

void batcher_state::begin_group() {
  std::unique_ptr<draft_source> drafts;
  if (group_.speculation == speculation_mode::ngram) drafts = std::make_unique<ngram_source>();
  scheduler_ =
      std::make_unique<batch_scheduler>(group_.limits, group_.plan.epoch, std::move(drafts));
}

void batcher_state::continue_with_group() {
  const std::optional<step_id> all = last_result_ == 0 ? std::nullopt : std::optional(last_result_);
  for (const request_id id :
       scheduler_->begin_epoch(group_.plan.epoch, group_.kept.value_or(all), group_.limits)) {
    const auto owner = owners_.find(id);
    if (owner == owners_.end()) continue;
    self_->send(
        owner->second,
        request_failure{id,
                        {errc::out_of_range,
                         "the nodes that are left have too little memory for this request"}});
    owners_.erase(owner);
  }
}

void batcher_state::on_request(const request_envelope& e, const asker_actor& from) {
  if (scheduler_ != nullptr) {
    take(e, from);
    pump();
  } else if (early_.size() < most_early) {
    early_.push_back({e, from, steady_clock::now()});
    show_early();
  } else {
    self_->send(from, request_failure{e.id, {errc::exhausted, "too many requests wait already"}});
  }
}

void batcher_state::take(const request_envelope& e, const asker_actor& from) {
  if (e.asked->guide.holds()) return prepare({e, from, steady_clock::now()});
  hand_in(e, from, nullptr);
}

void batcher_state::hand_in(const request_envelope& e, const asker_actor& from,
                            std::shared_ptr<const compiled_structure> structure) {
  const auto added = scheduler_->add(e.id, e.asked, steady_clock::now(), std::move(structure));
  if (!added) {
    self_->send(from, request_failure{e.id, added.error()});
    return;
  }
  owners_.emplace(e.id, from);
}

void batcher_state::on_cancel(request_id id) {
  std::erase_if(early_, [id](const early_request& e) { return e.request.id == id; });
  std::erase_if(preparing_, [id](const auto& p) { return p.asked.request.id == id; });
  if (scheduler_ == nullptr) return show_early();
  scheduler_->cancel(id);
  owners_.erase(id);
  pump();
}

void batcher_state::pump() {
  for (;;) {
    auto action = scheduler_->next(steady_clock::now());
    if (auto* request = std::get_if<cache_request>(&action)) {
      ask_caches(*request);
      break;
    }
    if (auto* ask = std::get_if<draft_ask>(&action)) {
      ask_drafter(std::move(*ask));
      break;
    }
    auto* plan = std::get_if<std::shared_ptr<const step_plan>>(&action);
    if (plan == nullptr) break;
    awaited_.emplace((*plan)->id, awaited_step{steady_clock::now(), (*plan)->rows()});
    const std::shared_ptr<const step_plan> step = std::move(*plan);
    self_->send(group_.stages.front(), step_message{step, nullptr, nullptr});
    if (step->masks == nullptr) continue;
    // Worked out while the step computes.
    scheduler_->fill_masks(*step);
    self_->send(group_.stages.back(), masks_ready{step});
  }
  if (scheduler_->fetching() && !looks_again_) {
    looks_again_ = true;
    self_->delayed_send(self_, fetch_period, look_atom::value);
  }
  publish();
}

void batcher_state::ask_caches(const cache_request& request) {
  replies_.clear();
  asked_since_ = steady_clock::now();
  asked_ = request.number;
  const epoch_number epoch = group_.plan.epoch;
  for (const cache_manager_actor& cache : group_.caches) {
    self_->request(cache, cache_deadline, request)
        .then([this](const cache_reply& reply) { on_cache_reply(reply); },
              [this, epoch](const caf::error& e) {
                // Where somebody watches, what is lost with another process is computed again.
                if (epoch == group_.plan.epoch && !group_.watch)
                  fail_all({errc::unavailable, "cache manager: " + caf::to_string(e)});
              });
  }
}

void batcher_state::ask_drafter(draft_ask ask) {
  const auto answered = [this](const std::optional<draft_reply>& reply) {
    scheduler_->on_drafts(reply, steady_clock::now());
    pump();
  };
  if (!drafter_) return answered(std::nullopt);
  self_->request(drafter_, draft_deadline, std::move(ask))
      .then([answered](const draft_reply& reply) { answered(reply); },
            [answered](const caf::error&) { answered(std::nullopt); });
}

void batcher_state::on_cache_reply(const cache_reply& reply) {
  if (reply.epoch != group_.plan.epoch || reply.number != asked_) return;
  replies_.push_back(reply);
  if (replies_.size() < group_.caches.size()) return;
  asked_since_.reset();
  const cache_reply all = merge(replies_);
  board_->update([&](engine_stats& s) {
    s.kv_pages_total = all.total_pages;
    s.kv_pages_cached = all.cached_pages;
    s.kv_usage = all.total_pages == 0
                     ? 0.0
                     : 1.0 - static_cast<double>(all.available_pages) / all.total_pages;
    s.prefix_queries = all.looked_up;
    s.prefix_hits = all.found;
  });
  scheduler_->on_cache(all);
  pump();
}

void batcher_state::on_result(const step_result& r) {
  if (const auto awaited = awaited_.find(r.id); awaited != awaited_.end()) {
    allowed_.observe(awaited->second.rows, steady_clock::now() - awaited->second.since);
    last_result_ = std::max(last_result_, r.id);
    awaited_.erase(awaited);
  }
  auto news = scheduler_->on_step(r, steady_clock::now());
  // The next step first: the device must not wait for the news to be handed out.
  pump();
  board_->update([&](engine_stats& s) {
    ++s.steps;
    s.step_seconds += r.device_seconds;
  });
  deliver(std::move(news));
}

void batcher_state::deliver(std::vector<request_news> news) {
  std::unordered_map<caf::actor_addr, std::pair<asker_actor, news_batch>> by_asker;
  std::size_t drawn = 0;
  for (request_news& n : news) {
    drawn += static_cast<std::size_t>(
        std::ranges::count_if(n.tokens, [](const token_event& e) { return e.token >= 0; }));
    const auto owner = owners_.find(n.request);
    if (owner == owners_.end()) continue;
    auto& [asker, batch] = by_asker[owner->second.address()];
    asker = owner->second;
    if (n.summary) {
      board_->update([&](engine_stats& s) { s.prompt_tokens += n.summary->prompt_tokens; });
      owners_.erase(owner);
    }
    batch.news.push_back(std::move(n));
  }
  board_->update([&](engine_stats& s) { s.generation_tokens += drawn; });
  for (auto& [address, entry] : by_asker) self_->send(entry.first, std::move(entry.second));
}

void batcher_state::on_durable(const kv_durable& durable) {
  if (scheduler_ == nullptr || durable.epoch != group_.plan.epoch) return;
  step_id& known = durable_[durable.stage];
  known = std::max(known, durable.step);
  if (durable_.size() < group_.stages.size()) return;
  step_id least = known;
  for (const auto& [stage, step] : durable_) least = std::min(least, step);
  scheduler_->on_durable(least);
  pump();
}

void batcher_state::on_failure(const step_failure& f) { fail_all(f.why); }

void batcher_state::fail_all(const error& why) {
  board_->set_healthy(false);
  for (const auto& [id, asker] : owners_) {
    scheduler_->cancel(id);
    self_->send(asker, request_failure{id, why});
  }
  owners_.clear();
}

void batcher_state::on_tick() {
  const auto now = steady_clock::now();
  for (; !early_.empty() && now > early_.front().since + group_patience; early_.pop_front()) {
    self_->send(early_.front().from, request_failure{early_.front().request.id,
                                                     {errc::unavailable, "nothing is served yet"}});
  }
  show_early();
  if (group_.watch) {
    watch_for_stalls(now);
  } else if (!awaited_.empty() && now > awaited_.begin()->second.since + longest_step) {
    fail_all({errc::deadline_exceeded,
              fmt::format("step {} gave no result in time", awaited_.begin()->first)});
    awaited_.clear();
  }
  self_->delayed_send(self_, tick_period, tick_atom::value);
}

void batcher_state::watch_for_stalls(steady_clock::time_point now) {
  const bool step_lost = std::ranges::any_of(awaited_, [&](const auto& entry) {
    return now > entry.second.since + allowed_.allowed(entry.second.rows);
  });
  const bool answer_lost = asked_since_ && now > *asked_since_ + cache_patience;
  if (!step_lost && !answer_lost) return;
  self_->send(group_.watch, stalled_atom::value, group_.plan.epoch);
  // Once an epoch: another is on its way.
  awaited_.clear();
  asked_since_.reset();
}

void batcher_state::on_look() {
  looks_again_ = false;
  pump();
}

void batcher_state::show_early() {
  if (scheduler_ != nullptr) return;
  board_->set_waiting_since(early_.empty() ? std::nullopt : std::optional(early_.front().since));
}

void batcher_state::publish() {
  board_->update([&](engine_stats& s) {
    s.requests_running = scheduler_->running();
    s.requests_waiting = scheduler_->waiting();
    s.preemptions = scheduler_->preemptions();
    s.drafted_tokens = scheduler_->speculation().drafted;
    s.accepted_tokens = scheduler_->speculation().accepted;
  });
  board_->set_waiting_since(scheduler_->waiting_since());
}

batcher_actor::behavior_type batcher(batcher_actor::stateful_pointer<batcher_state> self,
                                     const std::shared_ptr<engine_board>& board,
                                     const std::shared_ptr<structure_library>& structures) {
  self->state.start(self, board, structures);
  return {
      [self](serving_group& group) { self->state.on_group(std::move(group)); },
      [self](const request_envelope& e, const asker_actor& from) {
        self->state.on_request(e, from);
      },
      [self](cancel_atom, request_id id) { self->state.on_cancel(id); },
      [self](const step_result& r) { self->state.on_result(r); },
      [self](const step_failure& f) { self->state.on_failure(f); },
      [self](const kv_durable& durable) { self->state.on_durable(durable); },
      [self](const drafter_actor& drafter) { self->state.on_drafter(drafter); },
      [self](tick_atom) { self->state.on_tick(); },
      [self](look_atom) { self->state.on_look(); },
      [self](prepared_atom) { self->state.on_prepared(); },
  };
}

}  // namespace troupe
