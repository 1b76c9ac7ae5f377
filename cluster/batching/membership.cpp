// Who has pages: sequences enter, give way and leave.
#include "cluster/batching/batch_scheduler.hpp"

#include <algorithm>

namespace troupe {

void batch_scheduler::admit(time_point now) {
  for (std::size_t i = 0; i < waiting_.size() && running_.size() < most_running();) {
    sequence& s = *waiting_[i];
    request_record& r = *s.request;
    const bool follows = limits_.reuse_prefixes || r.asked->prompt_logprobs;
    if (s.choice > 0 && !r.prefix_ready && follows) {
      ++i;  // its prompt is being computed, or scored, by the first choice
      continue;
    }
    if (!fits(s)) {
      (void)release_parted();
      return;
    }
    waiting_.erase(waiting_.begin() + static_cast<std::ptrdiff_t>(i));
    if (!r.has_started) {
      r.has_started = true;
      r.started = now;
    }
    s.state = sequence_state::opening;
    running_.insert(
        std::ranges::upper_bound(running_, s.order, {}, [](const sequence* x) { return x->order; }),
        &s);
    // The last token's row is always computed: its logits are wanted. Scored rows are, too.
    std::uint32_t at_most = s.length() - 1;
    if (r.asked->prompt_logprobs && s.choice == 0) {
      at_most = std::min(at_most, static_cast<std::uint32_t>(r.prompt_scores.size()));
    }
    pending_.opens.push_back({s.id, s.tokens, at_most, r.asked->cache_space});
  }
}

std::optional<batch_scheduler::time_point> batch_scheduler::waiting_since() const {
  const auto first =
      std::ranges::find_if(waiting_, [](const sequence* s) { return !s->request->has_started; });
  if (first == waiting_.end()) return std::nullopt;
  return (*first)->request->arrived;
}

std::size_t batch_scheduler::most_running() const {
  // One sequence fewer than rows in a step, so that a prompt always finds room beside the decodes.
  return std::max<std::size_t>(1, std::min(limits_.max_sequences, limits_.step_rows - 1));
}

std::uint64_t batch_scheduler::most_positions() const {
  return std::min<std::uint64_t>(limits_.context, std::uint64_t{limits_.pages} * limits_.page_size);
}

std::uint64_t batch_scheduler::spoken_for() const {
  std::uint64_t pages = running_.size();  // each may soon need one more
  for (const sequence* r : running_) {
    const std::uint32_t wants = pages_for(r->length() + 1);
    const std::uint32_t has = pages_for(r->granted);
    if (wants > has) pages += wants - has;
  }
  return pages;
}

bool batch_scheduler::fits(const sequence& s) const {
  return running_.empty() || spoken_for() + pages_for(s.length() + 1) <= available_pages_;
}

void batch_scheduler::cancel(request_id id) {
  const auto known = requests_.find(id);
  if (known == requests_.end()) return;
  const std::vector<sequence_id> all = known->second->sequences;
  for (const sequence_id each : all) {
    sequence& s = *sequences_.at(each);
    const bool releasable = s.state == sequence_state::running && s.in_flight == 0;
    if (s.state == sequence_state::waiting) {
      std::erase(waiting_, &s);
      retire(each);
    } else if (releasable) {
      commit(s);
      give_back(s);
    } else {
      s.state = sequence_state::leaving;
    }
  }
}

void batch_scheduler::preempt(sequence& s) {
  ++preemptions_;
  commit(s);
  pending_.releases.push_back(s.id);
  queue_again(s);
}

void batch_scheduler::queue_again(sequence& s) {
  auto known = sequences_.extract(s.id);
  std::ranges::replace(s.request->sequences, s.id, next_sequence_);
  s.id = known.key() = next_sequence_++;
  sequences_.insert(std::move(known));
  std::erase(running_, &s);
  s.state = sequence_state::waiting;
  s.computed = s.committed = s.granted = 0;
  s.reached.clear();
  waiting_.insert(
      std::ranges::upper_bound(waiting_, s.order, {}, [](const sequence* x) { return x->order; }),
      &s);
}

void batch_scheduler::give_back(sequence& s) {
  pending_.releases.push_back(s.id);
  std::erase(running_, &s);
  retire(s.id);
}

void batch_scheduler::retire(sequence_id id) {
  const auto known = sequences_.find(id);
  request_record& r = *known->second->request;
  std::erase(r.sequences, id);
  if (known->second->choice == 0) r.prefix_ready = true;
  const bool last = r.sequences.empty();
  const request_id request = r.id;
  if (speculator_) speculator_->forget(known->second->order);
  sequences_.erase(known);
  if (!last) return;
  for (const sequence_id holder : r.keeping) kept_.drop(holder);
  requests_.erase(request);
}

}  // namespace troupe
