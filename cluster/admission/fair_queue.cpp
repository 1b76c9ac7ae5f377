#include "cluster/admission/fair_queue.hpp"

#include <algorithm>
#include <limits>

namespace troupe {
namespace {

std::uint8_t rank_of(const fair_ticket& ticket) {
  return std::min<std::uint8_t>(ticket.rank, fair_queue::ranks - 1);
}

}  // namespace

std::uint64_t fair_queue::start_of(const fair_ticket& ticket) const {
  const std::uint8_t rank = rank_of(ticket);
  const auto known = accounts_[rank].find(ticket.account);
  return std::max(now_at_[rank], known == accounts_[rank].end() ? 0 : known->second.finish);
}

std::optional<fair_queue::seconds> fair_queue::expected_wait(const fair_ticket& ticket) const {
  if (!full() && queue_.empty()) return seconds(0);
  const auto rate = rate_.per_second();
  if (!rate) return std::nullopt;
  const place behind{rank_of(ticket), start_of(ticket), std::numeric_limits<std::uint64_t>::max()};
  std::uint64_t before = 0;
  for (const auto& [at, w] : queue_) {
    if (at > behind) break;
    before += w.ticket.cost;
  }
  return seconds(static_cast<double>(before) / *rate);
}

bool fair_queue::offer(const fair_ticket& ticket, time now) {
  if (full() && queue_.size() >= limits_.waiting) return false;
  const std::uint8_t rank = rank_of(ticket);
  const std::uint64_t start = start_of(ticket);
  standing& account = accounts_[rank][ticket.account];
  account.finish = start + std::max<std::uint64_t>(ticket.cost, 1);
  ++account.waiting;
  const place at{rank, start, ticket.id};
  queue_.emplace(at, waiter{ticket, now + limits_.longest_wait});
  places_.emplace(ticket.id, at);
  return true;
}

std::optional<std::uint64_t> fair_queue::next() {
  if (full() || queue_.empty()) return std::nullopt;
  const auto first = queue_.begin();
  const std::uint8_t rank = std::get<0>(first->first);
  const std::uint64_t id = first->second.ticket.id;
  now_at_[rank] = std::max(now_at_[rank], std::get<1>(first->first));
  take_out(first);
  forget_idle(rank);
  ++running_;
  return id;
}

void fair_queue::finished() { running_ -= running_ > 0 ? 1 : 0; }

bool fair_queue::withdraw(std::uint64_t id) {
  const auto found = places_.find(id);
  if (found == places_.end()) return false;
  take_out(queue_.find(found->second));
  return true;
}

std::vector<std::uint64_t> fair_queue::expired(time now) {
  std::vector<std::uint64_t> out;
  for (const auto& [at, w] : queue_)
    if (w.until <= now) out.push_back(w.ticket.id);
  for (const std::uint64_t id : out) (void)withdraw(id);
  return out;
}

std::optional<fair_queue::time> fair_queue::next_expiry() const {
  std::optional<time> first;
  for (const auto& [at, w] : queue_)
    if (!first || w.until < *first) first = w.until;
  return first;
}

std::optional<fair_queue::time> fair_queue::waiting_since() const {
  const auto first = next_expiry();
  if (!first) return std::nullopt;
  return *first - limits_.longest_wait;
}

void fair_queue::worked(std::uint64_t tokens, time now) { rate_.add(tokens, full(), now); }

void fair_queue::take_out(std::map<place, waiter>::iterator at) {
  const fair_ticket ticket = at->second.ticket;
  --accounts_[rank_of(ticket)][ticket.account].waiting;
  places_.erase(ticket.id);
  queue_.erase(at);
}

/// An account that the others have caught up with begins anew when it comes back.
void fair_queue::forget_idle(std::uint8_t rank) {
  std::erase_if(accounts_[rank], [now_at = now_at_[rank]](const auto& entry) {
    return entry.second.waiting == 0 && entry.second.finish <= now_at;
  });
}

}  // namespace troupe
