#include "cluster/batching/cache_request.hpp"

#include <algorithm>

namespace troupe {
namespace {

/// What a manager that did not answer for an entry holds of it is nothing.
template <class Values>
auto entry(const Values& values, std::size_t i) {
  return i < values.size() ? values[i] : typename Values::value_type{};
}

/// The least of each entry; true where they differ. What is on its way at one manager is on its
/// way.
bool merge_found(std::vector<std::uint32_t>& all, const std::vector<std::uint32_t>& other) {
  bool uneven = false;
  for (std::size_t i = 0; i < all.size(); ++i) {
    const std::uint32_t value = entry(other, i);
    if (all[i] == cache_reply::on_its_way || value == cache_reply::on_its_way) {
      all[i] = cache_reply::on_its_way;
      continue;
    }
    uneven = uneven || all[i] != value;
    all[i] = std::min(all[i], value);
  }
  return uneven;
}

/// The least of each entry; true where they differ.
bool merge_least(std::vector<std::uint32_t>& all, const std::vector<std::uint32_t>& other) {
  bool uneven = false;
  for (std::size_t i = 0; i < all.size(); ++i) {
    const std::uint32_t value = entry(other, i);
    uneven = uneven || all[i] != value;
    all[i] = std::min(all[i], value);
  }
  return uneven;
}

}  // namespace

cache_reply answer(kv_manager& manager, const cache_request& request) {
  cache_reply reply;
  reply.epoch = request.epoch;
  reply.number = request.number;
  manager.attend_tiers();
  if (request.reconcile) reply.held = manager.reconcile(*request.reconcile);
  // A commit that is refused costs later requests a cache hit and nothing else.
  for (const auto& c : request.commits) (void)manager.commit(c.sequence, c.first, c.tokens);
  for (const sequence_id id : request.releases) manager.release(id);
  for (const auto& t : request.trims) (void)manager.trim(t.sequence, t.positions);
  for (const auto& e : request.extends)
    reply.extended.push_back(manager.extend(e.sequence, e.positions).has_value());
  for (const auto& o : request.opens) {
    const auto found = manager.open(o.sequence, o.tokens, o.at_most, o.space);
    const bool more = found && manager.fetch(o.sequence, o.tokens, o.at_most);
    reply.cached.push_back(more ? cache_reply::on_its_way : found.value_or(0));
  }
  for (const sequence_id id : request.awaits)
    reply.arrived.push_back(manager.arrived(id).value_or(cache_reply::on_its_way));
  reply.available_pages = manager.pool().available();
  reply.total_pages = manager.pool().total();
  reply.cached_pages = manager.pool().cached();
  reply.looked_up = manager.counts().looked_up;
  reply.found = manager.counts().found;
  return reply;
}

bool cache_request_gate::admit(const cache_request& request) {
  if (request.epoch < epoch_ || (request.epoch == epoch_ && request.number <= number_))
    return false;
  epoch_ = request.epoch;
  number_ = request.number;
  return true;
}

std::vector<sequence_id> touched(const cache_request& request) {
  std::vector<sequence_id> ids = request.releases;
  if (request.reconcile)
    for (const kv_standing& each : *request.reconcile) ids.push_back(each.sequence);
  for (const auto& t : request.trims) ids.push_back(t.sequence);
  for (const auto& e : request.extends) ids.push_back(e.sequence);
  for (const auto& o : request.opens) ids.push_back(o.sequence);
  ids.insert(ids.end(), request.awaits.begin(), request.awaits.end());
  return ids;
}

cache_reply merge(std::span<const cache_reply> replies) {
  cache_reply all = replies.front();
  for (const cache_reply& r : replies.subspan(1)) {
    for (std::size_t i = 0; i < all.extended.size(); ++i)
      all.extended[i] = all.extended[i] && entry(r.extended, i);
    all.uneven = merge_found(all.cached, r.cached) || r.uneven || all.uneven;
    all.uneven = merge_found(all.arrived, r.arrived) || all.uneven;
    all.uneven = merge_least(all.held, r.held) || all.uneven;
    all.available_pages = std::min(all.available_pages, r.available_pages);
    all.total_pages = std::min(all.total_pages, r.total_pages);
    all.cached_pages = std::min(all.cached_pages, r.cached_pages);
  }
  return all;
}

}  // namespace troupe
