// Guesses of a drafter: whether to ask for them, and for how many.
#include <algorithm>
#include <utility>

#include "cluster/batching/speculation/draft_length.hpp"
#include "cluster/batching/speculation/speculator.hpp"

namespace troupe {
namespace {

/// Steps without guesses after a drafter was late.
constexpr std::uint32_t pause_steps = 64;
/// Of the last measurement in what a drafter's token costs.
constexpr double newest = 0.2;

}  // namespace

std::optional<draft_ask> speculator::ask(std::span<const decoding> batch) {
  if (!limits_.ask_drafter || batch.empty() || batch.size() >= limits_.rows) return std::nullopt;
  std::vector<draft_candidate> candidates;
  candidates.reserve(batch.size());
  bool news = false;
  for (const decoding& d : batch) {
    candidates.emplace_back();
    if (d.most == 0) continue;
    const record& r = records_[d.id];
    if (r.guessed_at == d.tokens.size()) continue;
    news = true;
    candidates.back() = {rate_of(r), std::min(d.most, limits_.max_draft)};
  }
  if (!news) return std::nullopt;
  const auto texts = static_cast<double>(batch.size());
  auto lengths = choose_draft_lengths(candidates, limits_.rows, [&](std::uint32_t rows) {
    return cost_.seconds(rows) + token_seconds_ * (rows - texts) / texts;
  });
  if (pause_ > 0) {
    --pause_;
    std::ranges::fill(lengths, 0);
  }
  draft_ask out;
  asked_ = 0;
  for (std::size_t i = 0; i < batch.size(); ++i) {
    if (candidates[i].most == 0) continue;
    record& r = records_.at(batch[i].id);
    r.guessed_at = static_cast<std::uint32_t>(batch[i].tokens.size());
    r.guess = {};
    if (lengths[i] == 0) {
      r.rates[0].fade();
      continue;
    }
    r.asked = true;
    asked_ = std::max(asked_, lengths[i]);
    out.texts.push_back({batch[i].id,
                         {batch[i].tokens.begin(), batch[i].tokens.end()},
                         lengths[i],
                         batch[i].space});
  }
  if (out.texts.empty()) {
    usual_[0].fade();
    return std::nullopt;
  }
  out.ended = std::exchange(ended_, {});
  return out;
}

void speculator::take(const std::optional<draft_reply>& reply, double seconds) {
  if (!reply) {
    pause_ = pause_steps;
    return;
  }
  for (const draft_reply::guess& g : reply->guesses) {
    const auto known = records_.find(g.id);
    if (known == records_.end() || known->second.guessed_at != g.length) continue;
    known->second.guess = {g.tokens, 0};
  }
  if (reply->guesses.empty() || asked_ == 0) return;
  const double each = seconds / asked_;
  token_seconds_ = token_seconds_ == 0 ? each : (1 - newest) * token_seconds_ + newest * each;
}

}  // namespace troupe
