#include "actors/engine/listener_table.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace troupe {
namespace {

void hand_out(generation_listener& to, const request_news& news) {
  if (!news.prompt_scores.empty()) to.on_prompt_scored(news.prompt_scores);
  if (news.cached_tokens) to.on_prompt_cached(*news.cached_tokens);
  if (news.created_tokens > 0) to.on_prompt_kept(news.created_tokens);
  if (!news.tokens.empty()) to.on_tokens(news.tokens);
  if (news.summary) to.on_done(*news.summary);
}

}  // namespace

result<request_id> listener_table::add(std::shared_ptr<generation_listener> listener,
                                       std::shared_ptr<const generation_request> asked) {
  const std::lock_guard lock(mutex_);
  if (closed_) return troupe::fail(errc::unavailable, "the engine is shutting down");
  if (entries_.size() >= most_) {
    return troupe::fail(errc::exhausted, "{} requests are open, at most {} may be; try again later",
                        entries_.size(), most_);
  }
  const request_id id = next_++;
  entry& e = entries_[id];
  e.listener = std::move(listener);
  e.sent.resize(asked->choices);
  e.ended.resize(asked->choices);
  if (keeps_ == memory::requests) e.asked = std::move(asked);
  return id;
}

void listener_table::remove(request_id id) {
  std::shared_ptr<generation_listener> misses_it;
  {
    const std::lock_guard lock(mutex_);
    const auto known = entries_.find(id);
    if (known == entries_.end()) return;
    if (known->second.taken_over) misses_it = std::move(known->second.listener);
    entries_.erase(known);
  }
  if (misses_it) misses_it->on_error({errc::cancelled, "its client left before the answer's end"});
}

bool listener_table::filter(entry& e, request_news& news) {
  bool gap = false;
  std::erase_if(news.tokens, [&](const token_event& event) {
    if (event.choice >= e.sent.size()) return gap = true;
    if (e.ended[event.choice]) return true;
    std::uint32_t& sent = e.sent[event.choice];
    if (event.token >= 0) {
      if (event.index < sent) return true;
      gap = gap || event.index > sent;
      sent = event.index + 1;
    }
    e.ended[event.choice] = event.finish != finish_reason::none;
    return false;
  });
  if (!e.progress.prompt_scores.empty()) news.prompt_scores.clear();
  return gap;
}

void listener_table::deliver(request_news news) {
  std::shared_ptr<generation_listener> listener;
  bool gap = false;
  {
    const std::lock_guard lock(mutex_);
    const auto known = entries_.find(news.request);
    if (known == entries_.end()) return;
    entry& e = known->second;
    gap = filter(e, news);
    listener = e.listener;
    if (keeps_ == memory::requests) {
      std::ranges::copy(news.tokens, std::back_inserter(e.progress.events));
      if (!news.prompt_scores.empty()) e.progress.prompt_scores = news.prompt_scores;
      if (news.cached_tokens) {
        e.progress.cached_tokens = news.cached_tokens;
        e.progress.created_tokens = news.created_tokens;
      }
    }
    if (listener == nullptr) {
      e.summary = news.summary;
      if (gap) e.failure = error(errc::internal, "tokens were lost on the way");
      return;
    }
    if (news.summary || gap) entries_.erase(known);
  }
  if (gap) {
    return listener->on_error(
        {errc::internal, fmt::format("request {}: tokens were lost on the way", news.request)});
  }
  hand_out(*listener, news);
}

void listener_table::fail(request_id id, const error& why) {
  std::shared_ptr<generation_listener> listener;
  {
    const std::lock_guard lock(mutex_);
    const auto known = entries_.find(id);
    if (known == entries_.end()) return;
    if (known->second.listener == nullptr) {
      known->second.failure = why;
      return;
    }
    listener = std::move(known->second.listener);
    entries_.erase(known);
  }
  listener->on_error(why);
}

void listener_table::close(const error& why) {
  std::map<request_id, entry> open;
  {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    open.swap(entries_);
  }
  for (auto& [id, e] : open)
    if (e.listener) e.listener->on_error(why);
}

std::size_t listener_table::size() const {
  const std::lock_guard lock(mutex_);
  return entries_.size();
}

bool listener_table::expect(request_id id, std::shared_ptr<const generation_request> asked) {
  const std::lock_guard lock(mutex_);
  const auto [place, fresh] = entries_.try_emplace(id);
  if (!fresh) return false;
  place->second.sent.resize(asked->choices);
  place->second.ended.resize(asked->choices);
  place->second.asked = std::move(asked);
  return true;
}

result<void> listener_table::attach(request_id id,
                                    const std::shared_ptr<generation_listener>& listener) {
  request_news gathered;
  std::optional<error> failure;
  std::shared_ptr<generation_listener> former;
  {
    const std::lock_guard lock(mutex_);
    const auto known = entries_.find(id);
    if (known == entries_.end())
      return troupe::fail(errc::not_found, "request {} is not known, or is over", id);
    entry& e = known->second;
    former = std::move(e.listener);
    e.taken_over = true;
    gathered.tokens = e.progress.events;
    gathered.prompt_scores = e.progress.prompt_scores;
    gathered.cached_tokens = e.progress.cached_tokens;
    gathered.created_tokens = e.progress.created_tokens;
    gathered.summary = e.summary;
    failure = e.failure;
    e.listener = listener;
    if (e.summary || failure) entries_.erase(known);
  }
  if (former) former->on_error({errc::cancelled, "another connection has taken the answer over"});
  hand_out(*listener, gathered);
  if (failure) listener->on_error(*failure);
  return {};
}

std::shared_ptr<const generation_request> listener_table::unfinished(request_id id) const {
  const std::lock_guard lock(mutex_);
  const auto known = entries_.find(id);
  if (known == entries_.end() || known->second.asked == nullptr || known->second.summary ||
      known->second.failure) {
    return nullptr;
  }
  const entry& e = known->second;
  const bool begun = !e.progress.events.empty() || !e.progress.prompt_scores.empty() ||
                     e.progress.cached_tokens.has_value();
  if (!begun) return e.asked;
  auto rest = std::make_shared<generation_request>(*e.asked);
  rest->resumes = std::make_shared<const answer_progress>(e.progress);
  return rest;
}

std::vector<request_id> listener_table::open() const {
  const std::lock_guard lock(mutex_);
  std::vector<request_id> ids;
  ids.reserve(entries_.size());
  for (const auto& [id, e] : entries_) ids.push_back(id);
  return ids;
}

}  // namespace troupe
