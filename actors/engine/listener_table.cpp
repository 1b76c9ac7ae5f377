#include "actors/engine/listener_table.hpp"

#include <fmt/format.h>

#include <utility>

namespace troupe {

result<request_id> listener_table::add(std::shared_ptr<generation_listener> listener,
                                       std::uint32_t choices) {
  const std::lock_guard lock(mutex_);
  if (closed_) return troupe::fail(errc::unavailable, "the engine is shutting down");
  if (entries_.size() >= most_) {
    return troupe::fail(errc::exhausted, "{} requests are open, at most {} may be; try again later",
                        entries_.size(), most_);
  }
  const request_id id = next_++;
  entries_.emplace(id, entry{std::move(listener), std::vector<std::uint32_t>(choices, 0)});
  return id;
}

void listener_table::remove(request_id id) {
  const std::lock_guard lock(mutex_);
  entries_.erase(id);
}

void listener_table::deliver(request_id id, std::vector<token_event> tokens,
                             const std::vector<token_logprob>& scores,
                             const generation_summary* summary) {
  std::shared_ptr<generation_listener> listener;
  bool gap = false;
  {
    const std::lock_guard lock(mutex_);
    const auto known = entries_.find(id);
    if (known == entries_.end()) return;
    listener = known->second.listener;
    std::erase_if(tokens, [&](const token_event& e) {
      if (e.token < 0) return false;
      std::uint32_t& sent = known->second.sent.at(e.choice);
      if (e.index < sent) return true;
      gap = gap || e.index > sent;
      sent = e.index + 1;
      return false;
    });
    if (summary != nullptr || gap) entries_.erase(known);
  }
  if (gap)
    return listener->on_error(
        {errc::internal, fmt::format("request {}: tokens were lost on the way", id)});
  if (!scores.empty()) listener->on_prompt_scored(scores);
  if (!tokens.empty()) listener->on_tokens(tokens);
  if (summary != nullptr) listener->on_done(*summary);
}

void listener_table::fail(request_id id, const error& why) {
  std::shared_ptr<generation_listener> listener;
  {
    const std::lock_guard lock(mutex_);
    const auto known = entries_.find(id);
    if (known == entries_.end()) return;
    listener = std::move(known->second.listener);
    entries_.erase(known);
  }
  listener->on_error(why);
}

void listener_table::close(const error& why) {
  std::unordered_map<request_id, entry> open;
  {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    open.swap(entries_);
  }
  for (auto& [id, e] : open) e.listener->on_error(why);
}

std::size_t listener_table::size() const {
  const std::lock_guard lock(mutex_);
  return entries_.size();
}

}  // namespace troupe
