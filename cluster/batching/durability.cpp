// What of a sequence would survive a failure: only that is committed to the prefix index, and that
// is where a failure sends it back to.
#include <algorithm>
#include <limits>
#include <utility>

#include "cluster/batching/batch_scheduler.hpp"

namespace troupe {
namespace {

/// Bound on a sequence's checkpoints. Where durability lags further they are thinned out, and a
/// failure sends the sequence back a little further than it had to.
constexpr std::size_t most_checkpoints = 64;
/// Steps of the first choice that the others wait for its prompt to be durable.
constexpr std::size_t patience = 16;

void thin_out(std::vector<checkpoint>& reached) {
  std::size_t kept = 0;
  for (std::size_t i = 0; i < reached.size(); i += 2) reached[kept++] = reached[i];
  reached.resize(kept);
}

}  // namespace

step_id batch_scheduler::durable_step() const {
  return limits_.replicated ? durable_step_ : std::numeric_limits<step_id>::max();
}

void batch_scheduler::settle(sequence& s, step_id step) {
  if (s.reached.size() >= most_checkpoints) thin_out(s.reached);
  s.reached.push_back({step, s.computed});
  settle_durable(s);
}

void batch_scheduler::settle_durable(sequence& s) {
  const auto newer = std::ranges::upper_bound(s.reached, durable_step(), {}, &checkpoint::step);
  if (newer - s.reached.begin() > 1) s.reached.erase(s.reached.begin(), newer - 1);
  commit(s);
  keep_marked(s);
  const std::uint32_t prompt = s.prompt_length();
  if (s.choice == 0 && s.computed >= prompt &&
      (durable(s) >= prompt || s.reached.size() > patience)) {
    s.request->prefix_ready = true;
  }
}

std::uint32_t batch_scheduler::durable(const sequence& s) const {
  const auto newer = std::ranges::upper_bound(s.reached, durable_step(), {}, &checkpoint::step);
  return newer == s.reached.begin() ? 0 : std::prev(newer)->computed;
}

std::uint32_t batch_scheduler::whole_pages(std::uint32_t positions) const {
  return positions / limits_.page_size * limits_.page_size;
}

void batch_scheduler::commit(sequence& s) {
  if (!limits_.reuse_prefixes) return;
  const std::uint32_t full = whole_pages(durable(s));
  if (full <= s.committed) return;
  pending_.commits.push_back(
      {s.id, s.committed, {s.tokens.begin() + s.committed, s.tokens.begin() + full}});
  s.committed = full;
}

void batch_scheduler::on_durable(step_id step) {
  if (step >= next_step_ || step <= durable_step_) return;
  durable_step_ = step;
  if (!limits_.replicated || reconciling()) return;
  for (sequence* s : running_) settle_durable(*s);
  std::erase_if(parted_, [this](parted& p) {
    if (p.step > durable_step_) return false;
    pending_.releases.push_back(p.commit.sequence);
    pending_.commits.push_back(std::move(p.commit));
    for (const sequence_id holder : p.keeping) ask_to_keep(holder);
    return true;
  });
}

void batch_scheduler::part(sequence& s) {
  const std::uint32_t full = whole_pages(s.computed);
  if (!limits_.replicated || !limits_.reuse_prefixes || full <= s.committed) return give_back(s);
  if (parted_.size() >= limits_.max_sequences) {
    pending_.releases.push_back(parted_.front().commit.sequence);
    for (const sequence_id holder : parted_.front().keeping) kept_.drop(holder);
    parted_.pop_front();
  }
  const cache_request::commit rest = {
      s.id, s.committed, {s.tokens.begin() + s.committed, s.tokens.begin() + full}};
  std::vector<sequence_id> keeping;
  if (s.choice == 0) keeping.swap(s.request->keeping);
  parted_.push_back({s.reached.back().step, rest, std::move(keeping)});
  std::erase(running_, &s);
  retire(s.id);
}

bool batch_scheduler::release_parted() {
  if (parted_.empty()) return false;
  for (const parted& p : parted_) {
    pending_.releases.push_back(p.commit.sequence);
    for (const sequence_id holder : p.keeping) kept_.drop(holder);
  }
  parted_.clear();
  return true;
}

}  // namespace troupe
