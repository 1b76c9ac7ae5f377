#include "cluster/batching/speculation/draft_desk.hpp"

#include <algorithm>
#include <utility>

namespace troupe {

std::vector<draft_desk::order> draft_desk::take(const draft_ask& ask) {
  for (const sequence_id id : ask.ended) texts_.erase(id);
  ++ask_;
  open_ = true;
  missing_ = 0;
  reply_ = {};
  std::vector<order> orders;
  for (const draft_ask::text& text : ask.texts) {
    progress& known = texts_[text.id];
    if (known.busy || text.tokens.empty()) continue;
    const auto length = static_cast<std::uint32_t>(text.tokens.size());
    const bool near = length <= known.read + most_behind;
    auto request = std::make_shared<generation_request>();
    request->prompt = text.tokens;
    request->sampling.temperature = 0;
    request->max_tokens = near ? text.count : 1;
    request->speculate = false;
    request->cache_space = text.space;
    known.busy = true;
    works_.emplace(next_, work{text.id, length, near ? ask_ : 0, {}});
    if (near) ++missing_;
    orders.push_back({next_++, std::move(request)});
  }
  return orders;
}

void draft_desk::on_news(const request_news& news) {
  const auto known = works_.find(news.request);
  if (known == works_.end()) return;
  for (const token_event& event : news.tokens)
    if (event.token >= 0) known->second.drawn.push_back(event.token);
  if (news.summary) finish(news.request, true);
}

void draft_desk::on_failure(request_id id) {
  if (works_.contains(id)) finish(id, false);
}

void draft_desk::finish(request_id id, bool done) {
  work w = std::move(works_.at(id));
  works_.erase(id);
  if (const auto text = texts_.find(w.text); text != texts_.end()) {
    text->second.busy = false;
    if (done) text->second.read = w.length;
  }
  if (w.ask != ask_ || !open_) return;
  --missing_;
  const auto known = [this](token_id t) {
    return t >= 0 && static_cast<std::uint32_t>(t) < vocabulary_;
  };
  w.drawn.erase(std::ranges::find_if_not(w.drawn, known), w.drawn.end());
  if (done && !w.drawn.empty()) reply_.guesses.push_back({w.text, w.length, std::move(w.drawn)});
}

std::optional<draft_reply> draft_desk::answer() {
  if (!open_ || missing_ > 0) return std::nullopt;
  open_ = false;
  return std::exchange(reply_, {});
}

}  // namespace troupe
