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
/// Bound on the wait for guesses; without them tokens are drawn one at a time.
constexpr auto draft_deadline = std::chrono::seconds(1);
/// Bound on one step. Within one process a step cannot get lost, so this only ends a defect.
constexpr auto step_deadline = std::chrono::minutes(15);

}  // namespace

void batcher_state::start(batcher_actor::pointer self, std::shared_ptr<engine_board> board) {
  self_ = self;
  board_ = std::move(board);
  self_->delayed_send(self_, tick_period, tick_atom::value);
}

void batcher_state::on_group(serving_group group) {
  group_ = std::move(group);
  std::unique_ptr<draft_source> drafts;
  if (group_.speculation == speculation_mode::ngram) drafts = std::make_unique<ngram_source>();
  group_.limits.speculation.ask_drafter = group_.speculation == speculation_mode::model;
  scheduler_ =
      std::make_unique<batch_scheduler>(group_.limits, group_.plan.epoch, std::move(drafts));
  publish();
  board_->set_healthy(true);
}

void batcher_state::on_request(const request_envelope& e, const asker_actor& from) {
  if (scheduler_ == nullptr) {
    self_->send(from, request_failure{e.id, {errc::unavailable, "the model is not ready"}});
    return;
  }
  if (const auto added = scheduler_->add(e.id, e.asked, steady_clock::now()); !added) {
    self_->send(from, request_failure{e.id, added.error()});
    return;
  }
  owners_.emplace(e.id, from);
  pump();
}

void batcher_state::on_cancel(request_id id) {
  if (scheduler_ == nullptr) return;
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
    deadlines_.emplace((*plan)->id, steady_clock::now() + step_deadline);
    self_->send(group_.stages.front(), step_message{std::move(*plan), nullptr, nullptr});
  }
  publish();
}

void batcher_state::ask_caches(const cache_request& request) {
  replies_.clear();
  const std::size_t asked = group_.caches.size();
  for (const cache_manager_actor& cache : group_.caches) {
    self_->request(cache, cache_deadline, request)
        .then([this, asked](const cache_reply& reply) { on_cache_reply(asked, reply); },
              [this](const caf::error& e) {
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

void batcher_state::on_cache_reply(std::size_t asked, const cache_reply& reply) {
  replies_.push_back(reply);
  if (replies_.size() < asked) return;
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
  deadlines_.erase(r.id);
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
  for (const auto& [id, deadline] : deadlines_) {
    if (now < deadline) continue;
    fail_all({errc::deadline_exceeded, fmt::format("step {} gave no result in time", id)});
    deadlines_.clear();
    break;
  }
  self_->delayed_send(self_, tick_period, tick_atom::value);
}

void batcher_state::publish() {
  board_->update([&](engine_stats& s) {
    s.requests_running = scheduler_->running();
    s.requests_waiting = scheduler_->waiting();
    s.preemptions = scheduler_->preemptions();
    s.drafted_tokens = scheduler_->speculation().drafted;
    s.accepted_tokens = scheduler_->speculation().accepted;
  });
}

batcher_actor::behavior_type batcher(batcher_actor::stateful_pointer<batcher_state> self,
                                     const std::shared_ptr<engine_board>& board) {
  self->state.start(self, board);
  return {
      [self](serving_group& group) { self->state.on_group(std::move(group)); },
      [self](const request_envelope& e, const asker_actor& from) {
        self->state.on_request(e, from);
      },
      [self](cancel_atom, request_id id) { self->state.on_cancel(id); },
      [self](const step_result& r) { self->state.on_result(r); },
      [self](const step_failure& f) { self->state.on_failure(f); },
      [self](const drafter_actor& drafter) { self->state.on_drafter(drafter); },
      [self](tick_atom) { self->state.on_tick(); },
  };
}

}  // namespace troupe
