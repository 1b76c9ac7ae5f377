#include "cluster/answers/answer_book.hpp"

#include <algorithm>
#include <utility>

namespace troupe {
namespace {

std::size_t bytes_of(const generation_request& asked) {
  std::size_t bytes = 512 + asked.prompt.size() * sizeof(token_id);
  if (asked.origin != nullptr) bytes += asked.origin->body.size();
  return bytes;
}

std::size_t bytes_of(const std::vector<token_event>& events) {
  std::size_t bytes = events.size() * sizeof(token_event);
  for (const token_event& e : events)
    bytes += e.logprob.top.size() * sizeof(decltype(e.logprob.top)::value_type);
  return bytes;
}

/// The request as it was first made, without what an earlier life drew.
std::shared_ptr<const generation_request> as_first_asked(
    const std::shared_ptr<const generation_request>& asked) {
  if (asked->resumes == nullptr) return asked;
  auto plain = std::make_shared<generation_request>(*asked);
  plain->resumes = nullptr;
  return plain;
}

}  // namespace

result<bool> answer_book::open(peer_id gateway, const asked_request& request, time_point now) {
  const auto known = answers_.find(request.id);
  if (known != answers_.end()) {
    record& r = known->second;
    if (r.owner != 0 && r.owner != gateway) {
      // It was away while its client came back at another one: that one has the answer now.
      moved_[gateway].push_back(request.id);
      return false;
    }
    own(request.id, r, gateway);
    credit(r, *request.asked);
    note(request.id, r);
    return false;
  }
  if (open_ >= limits_.open) {
    return troupe::fail(errc::exhausted, "{} answers are under way, at most {} may be; try later",
                        open_, limits_.open);
  }
  record& r = answers_[request.id];
  ++open_;
  r.owner = gateway;
  r.since = now;
  r.asked = as_first_asked(request.asked);
  if (request.asked->resumes != nullptr) r.progress = *request.asked->resumes;
  r.bytes = bytes_of(*r.asked) + bytes_of(r.progress.events);
  credit(r, *request.asked);
  if (r.asked->origin != nullptr) names_[r.asked->origin->name] = request.id;
  return true;
}

/// The gateway has what it brings along.
void answer_book::credit(record& r, const generation_request& asked) const {
  static const answer_progress nothing;
  const answer_progress& has = asked.resumes == nullptr ? nothing : *asked.resumes;
  r.events_told = std::min(has.events.size(), r.progress.events.size());
  r.scores_told = !has.prompt_scores.empty();
  r.cached_told = has.cached_tokens.has_value();
  r.end_told = false;
}

bool answer_book::forget(peer_id gateway, request_id id, time_point now) {
  const auto known = answers_.find(id);
  if (known == answers_.end() || known->second.owner != gateway) return false;
  record& r = known->second;
  own(id, r, 0);
  if (r.ended) return false;
  r.failure = error(errc::cancelled, "its client left before the answer's end");
  end(id, r, now);
  return true;
}

void answer_book::take(std::vector<request_news> news, time_point now) {
  for (request_news& n : news) {
    const auto known = answers_.find(n.request);
    if (known == answers_.end() || known->second.ended) continue;
    record& r = known->second;
    r.bytes += bytes_of(n.tokens);
    std::ranges::move(n.tokens, std::back_inserter(r.progress.events));
    if (!n.prompt_scores.empty()) r.progress.prompt_scores = std::move(n.prompt_scores);
    if (n.cached_tokens) {
      r.progress.cached_tokens = n.cached_tokens;
      r.progress.created_tokens = n.created_tokens;
    }
    r.summary = n.summary;
    if (n.summary) end(n.request, r, now);
    note(n.request, r);
  }
}

void answer_book::fail(request_id id, const error& why, time_point now) {
  const auto known = answers_.find(id);
  if (known == answers_.end() || known->second.ended) return;
  known->second.failure = why;
  end(id, known->second, now);
  note(id, known->second);
}

result<asked_request> answer_book::recall(peer_id gateway, const std::string& name,
                                          time_point now) {
  const auto named = names_.find(name);
  if (named == names_.end())
    return troupe::fail(errc::not_found, "no answer '{}' is under way or has ended lately", name);
  const request_id id = named->second;
  record& r = answers_.at(id);
  if (r.owner != 0 && r.owner != gateway && !r.end_told) moved_[r.owner].push_back(id);
  own(id, r, gateway);
  r.events_told = 0;
  r.scores_told = r.cached_told = r.end_told = false;
  if (!r.ended) r.since = now;
  note(id, r);
  return asked_request{id, r.asked};
}

void answer_book::lose(peer_id gateway, time_point now) {
  for (auto& [id, r] : answers_) {
    if (r.owner != gateway) continue;
    own(id, r, 0);
    if (!r.ended) r.since = now;
  }
  moved_.erase(gateway);
}

std::vector<request_id> answer_book::tick(time_point now) {
  std::vector<request_id> given_up;
  for (auto& [id, r] : answers_)
    if (!r.ended && r.owner == 0 && now - r.since >= limits_.orphan_patience)
      given_up.push_back(id);
  for (const request_id id : given_up)
    fail(id, {errc::cancelled, "its gateway was lost and nobody took the answer over"}, now);
  while (!ended_.empty()) {
    const auto oldest = answers_.find(ended_.front());
    const bool expired = now - oldest->second.since >= limits_.kept;
    if (!expired && ended_bytes_ <= limits_.ended_bytes) break;
    drop(oldest);
    ended_.pop_front();
  }
  return given_up;
}

std::vector<peer_id> answer_book::waiting() const {
  std::vector<peer_id> gateways;
  for (const auto& [gateway, answers] : news_) gateways.push_back(gateway);
  for (const auto& [gateway, answers] : moved_)
    if (!news_.contains(gateway)) gateways.push_back(gateway);
  return gateways;
}

answer_news answer_book::news_for(peer_id gateway) const {
  answer_news out;
  if (const auto moved = moved_.find(gateway); moved != moved_.end())
    for (const request_id id : moved->second)
      out.failed.emplace_back(id, error(errc::cancelled, "another gateway has taken it over"));
  const auto waiting = news_.find(gateway);
  if (waiting == news_.end()) return out;
  std::size_t room = limits_.events_at_once;
  for (const request_id id : waiting->second) {
    if (room == 0) break;
    const record& r = answers_.at(id);
    request_news n;
    n.request = id;
    const std::size_t count = std::min(room, r.progress.events.size() - r.events_told);
    const auto from = r.progress.events.begin() + static_cast<std::ptrdiff_t>(r.events_told);
    n.tokens.assign(from, from + static_cast<std::ptrdiff_t>(count));
    room -= count;
    if (!r.scores_told) n.prompt_scores = r.progress.prompt_scores;
    if (!r.cached_told) {
      n.cached_tokens = r.progress.cached_tokens;
      n.created_tokens = r.progress.created_tokens;
    }
    const bool all = r.events_told + count == r.progress.events.size();
    if (r.ended && all && !r.end_told) {
      n.summary = r.summary;
      if (r.failure) out.failed.emplace_back(id, *r.failure);
    }
    out.news.push_back(std::move(n));
  }
  return out;
}

void answer_book::told(peer_id gateway, const answer_news& sent) {
  moved_.erase(gateway);
  for (const request_news& n : sent.news) {
    record& r = answers_.at(n.request);
    r.events_told += n.tokens.size();
    r.scores_told = r.scores_told || !n.prompt_scores.empty();
    r.cached_told = r.cached_told || n.cached_tokens.has_value();
    r.end_told = r.ended && r.events_told == r.progress.events.size();
    note(n.request, r);
  }
}

std::size_t answer_book::open_of(peer_id gateway) const {
  return static_cast<std::size_t>(std::ranges::count_if(answers_, [gateway](const auto& entry) {
    return entry.second.owner == gateway && !entry.second.ended;
  }));
}

bool answer_book::has_news(const record& r) {
  return r.events_told < r.progress.events.size() ||
         (!r.scores_told && !r.progress.prompt_scores.empty()) ||
         (!r.cached_told && r.progress.cached_tokens) || (r.ended && !r.end_told);
}

void answer_book::end(request_id id, record& r, time_point now) {
  r.ended = true;
  r.since = now;
  --open_;
  ended_.push_back(id);
  ended_bytes_ += r.bytes;
}

void answer_book::own(request_id id, record& r, peer_id gateway) {
  if (r.owner == gateway) return;
  if (const auto had = news_.find(r.owner); had != news_.end()) {
    had->second.erase(id);
    if (had->second.empty()) news_.erase(had);
  }
  r.owner = gateway;
}

void answer_book::note(request_id id, const record& r) {
  if (r.owner == 0) return;
  if (has_news(r)) {
    news_[r.owner].insert(id);
  } else if (const auto had = news_.find(r.owner); had != news_.end()) {
    had->second.erase(id);
    if (had->second.empty()) news_.erase(had);
  }
}

void answer_book::drop(std::unordered_map<request_id, record>::iterator at) {
  record& r = at->second;
  own(at->first, r, 0);
  ended_bytes_ -= r.bytes;
  if (r.asked->origin != nullptr) {
    const auto named = names_.find(r.asked->origin->name);
    if (named != names_.end() && named->second == at->first) names_.erase(named);
  }
  answers_.erase(at);
}

}  // namespace troupe
