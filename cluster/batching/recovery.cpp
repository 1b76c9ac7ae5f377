// A new epoch: sequences go back to what was kept, and the cache managers are told.
#include <algorithm>
#include <utility>

#include "cluster/batching/batch_scheduler.hpp"

namespace troupe {

std::vector<request_id> batch_scheduler::begin_epoch(epoch_number epoch,
                                                     std::optional<step_id> kept,
                                                     const std::optional<batch_limits>& limits) {
  if (epoch <= epoch_) return {};
  epoch_ = epoch;
  if (limits) take_limits(*limits);
  // The managers close what the reconcile does not list, whatever they were last asked.
  flights_.clear();
  parted_.clear();
  fetching_.clear();
  kept_.forget_unheld();
  (void)kept_.take_dropped();
  pending_ = {};
  asked_ = {};
  asking_ = drafting_ = overtaken_ = starved_ = false;
  reconcile_ = true;

  const std::vector<sequence*> before = running_;
  for (sequence* s : before) {
    s->in_flight = 0;
    if (s->state == sequence_state::leaving) {
      std::erase(running_, s);
      retire(s->id);
      continue;
    }
    roll_back(*s, kept);
    if (s->computed == 0) queue_again(*s);
  }
  while (running_.size() > most_running()) queue_again(*running_.back());
  for (auto& [id, r] : requests_) r->prefix_ready = prefix_is_ready(*r);
  return limits ? drop_what_cannot_fit() : std::vector<request_id>{};
}

void batch_scheduler::take_limits(const batch_limits& limits) {
  const std::uint32_t page_size = limits_.page_size;
  const speculation_limits speculation = limits_.speculation;
  limits_ = limits;
  limits_.page_size = page_size;
  limits_.speculation = speculation;
  limits_.speculation.rows = std::min(speculation.rows, limits.step_rows / 2);
  available_pages_ = limits.pages;
  kept_.bound(kept_limits(limits).pages);
}

void batch_scheduler::roll_back(sequence& s, std::optional<step_id> kept) {
  while (!s.reached.empty() && (!kept || s.reached.back().step > *kept)) s.reached.pop_back();
  s.computed = s.reached.empty() ? 0 : s.reached.back().computed;
  // The managers are told of this with the reconcile.
  s.committed = limits_.reuse_prefixes ? whole_pages(durable(s)) : 0;
}

bool batch_scheduler::prefix_is_ready(const request_record& r) const {
  for (const sequence_id id : r.sequences) {
    const sequence& s = *sequences_.at(id);
    if (s.choice == 0) return durable(s) >= s.prompt_length();
  }
  return true;
}

std::vector<request_id> batch_scheduler::drop_what_cannot_fit() {
  const std::uint64_t most = most_positions();
  std::vector<request_id> dropped;
  for (const auto& [id, r] : requests_) {
    std::uint64_t wants = 0;
    for (const sequence_id each : r->sequences)
      wants = std::max<std::uint64_t>(wants, sequences_.at(each)->length());
    // An answer that has begun goes on for as long as it fits.
    if (!r->has_token) wants = std::uint64_t{r->asked->prompt.size()} + r->asked->max_tokens;
    if (wants > most) dropped.push_back(id);
  }
  for (const request_id id : dropped) cancel(id);
  return dropped;
}

cache_request batch_scheduler::reconcile_request() const {
  cache_request request;
  request.reconcile.emplace();
  for (const sequence* s : running_)
    request.reconcile->push_back(
        {s->id, s->tokens, s->computed, s->committed, s->request->asked->cache_space});
  for (const sequence_id holder : kept_.holders()) {
    const kept_prefixes::prefix& p = *kept_.find(holder);
    const auto length = static_cast<std::uint32_t>(p.tokens.size());
    request.reconcile->push_back({holder, p.tokens, length, length, p.space});
  }
  return request;
}

void batch_scheduler::on_reconciled(const cache_reply& reply) {
  const std::vector<kv_standing>& asked = *asked_.reconcile;
  const bool uneven = reply.uneven || reply.held.size() != asked.size();
  for (std::size_t i = 0; i < asked.size(); ++i) {
    const auto known = sequences_.find(asked[i].sequence);
    const std::uint32_t held = i < reply.held.size() ? reply.held[i] : 0;
    if (known == sequences_.end()) {
      // A marked prefix that is whole, or what was cancelled meanwhile.
      if (held < asked[i].positions) kept_.drop(asked[i].sequence);
      continue;
    }
    sequence& s = *known->second;
    if (uneven) pending_.trims.push_back({s.id, std::min(held, s.computed)});
    if (held < s.computed) {
      s.computed = held;
      s.committed = std::min(s.committed, whole_pages(held));
      for (checkpoint& c : s.reached) c.computed = std::min(c.computed, held);
      s.request->prefix_ready = prefix_is_ready(*s.request);
    }
    s.granted = pages_for(s.computed) * limits_.page_size;
    settle_durable(s);  // acknowledgements may have come meanwhile
  }
}

}  // namespace troupe
