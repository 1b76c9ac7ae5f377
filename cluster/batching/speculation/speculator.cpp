#include "cluster/batching/speculation/speculator.hpp"

#include <algorithm>
#include <utility>

#include "cluster/batching/speculation/draft_length.hpp"

namespace troupe {
namespace {

constexpr double no_experience = 0.5;
/// Of an observation's weight after the next, for what is usual among all sequences.
constexpr double usual_keep = 0.99;

}  // namespace

speculator::speculator(const speculation_limits& limits, std::unique_ptr<draft_source> source)
    : limits_(limits), source_(std::move(source)) {
  usual_.fill(acceptance(usual_keep));
}

double speculator::rate_of(const record& r) const {
  const std::uint32_t kind = r.guess.strength;
  return r.rates[kind].rate(usual_[kind].rate(no_experience));
}

std::vector<std::span<const token_id>> speculator::choose(std::span<const decoding> batch) {
  std::vector<std::span<const token_id>> chosen(batch.size());
  if (batch.size() >= limits_.rows) return chosen;
  std::vector<draft_candidate> candidates;
  candidates.reserve(batch.size());
  for (const decoding& d : batch) {
    if (d.most == 0) {
      candidates.emplace_back();
      continue;
    }
    record& r = records_[d.id];
    const auto length = static_cast<std::uint32_t>(d.tokens.size());
    if (source_ != nullptr && r.guessed_at != length) {
      r.guess = source_->propose(d.id, d.tokens, limits_.max_draft);
      r.guessed_at = length;
    }
    const auto guessed =
        r.guessed_at == length ? static_cast<std::uint32_t>(r.guess.tokens.size()) : 0;
    candidates.push_back({rate_of(r), std::min({guessed, d.most, limits_.max_draft})});
  }
  const auto lengths = choose_draft_lengths(
      candidates, limits_.rows, [this](std::uint32_t rows) { return cost_.seconds(rows); });
  for (std::size_t i = 0; i < batch.size(); ++i) {
    if (lengths[i] > 0)
      chosen[i] = std::span(records_.at(batch[i].id).guess.tokens).first(lengths[i]);
  }
  return chosen;
}

void speculator::learn(sequence_id id, std::span<const token_id> tokens) {
  const auto known = records_.find(id);
  if (known == records_.end()) return;
  record& r = known->second;
  if (r.guessed_at == 0 || tokens.size() <= r.guessed_at) return;
  const auto came = tokens.subspan(r.guessed_at);
  const std::span<const token_id> guess = r.guess.tokens;
  const std::size_t judged = std::min(came.size(), guess.size());
  const auto right = static_cast<std::uint32_t>(
      std::ranges::mismatch(came.first(judged), guess.first(judged)).in1 - came.begin());
  if (judged > 0) {
    r.rates[r.guess.strength].observe(right, right < judged);
    usual_[r.guess.strength].observe(right, right < judged);
  }
  r.guessed_at = 0;
}

void speculator::count(std::uint64_t drafted, std::uint64_t accepted) {
  counts_.drafted += drafted;
  counts_.accepted += accepted;
}

void speculator::follow(sequence_id id, std::span<const token_id> tokens) {
  if (source_ != nullptr) source_->follow(id, tokens);
}

void speculator::forget(sequence_id id) {
  if (source_ != nullptr) source_->forget(id);
  const auto known = records_.find(id);
  if (known == records_.end()) return;
  if (known->second.asked) ended_.push_back(id);
  records_.erase(known);
}

}  // namespace troupe
