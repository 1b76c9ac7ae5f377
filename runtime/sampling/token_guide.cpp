#include "runtime/sampling/token_guide.hpp"

#include <dlpack/dlpack.h>
#include <xgrammar/matcher.h>

#include <algorithm>
#include <exception>
#include <utility>

#include "runtime/sampling/structure_parts.hpp"

namespace troupe {
namespace {

/// Templates write two; a model may write each as a token of its own.
constexpr std::uint32_t most_breaks = 4;

void allow(std::span<std::uint32_t> row, token_id token) {
  const auto t = static_cast<std::uint32_t>(token);
  if (t / 32 < row.size()) row[t / 32] |= 1U << t % 32;
}

void forbid(std::span<std::uint32_t> row, token_id token) {
  const auto t = static_cast<std::uint32_t>(token);
  if (t / 32 < row.size()) row[t / 32] &= ~(1U << t % 32);
}

bool allows(std::span<const std::uint32_t> row, token_id token) {
  const auto t = static_cast<std::uint32_t>(token);
  return t / 32 < row.size() && (row[t / 32] >> t % 32 & 1U) != 0;
}

void allow_all(std::span<std::uint32_t> row, std::uint32_t vocab) {
  std::ranges::fill(row, ~0U);
  if (vocab % 32 != 0) row.back() = (1U << vocab % 32) - 1;
}

bool is_empty(std::span<const std::uint32_t> row) {
  return std::ranges::all_of(row, [](std::uint32_t word) { return word == 0; });
}

}  // namespace

struct token_guide::follower {
  explicit follower(const xgrammar::CompiledGrammar& grammar) : matcher(grammar) {}
  xgrammar::GrammarMatcher matcher;
};

token_guide::token_guide(std::shared_ptr<const compiled_structure> structure,
                         const guide_rule& rule)
    : structure_(std::move(structure)),
      opening_(rule.opening),
      closing_(rule.closing),
      place_(rule.closing < 0   ? place::held
             : rule.opening < 0 ? place::thought
                                : place::start),
      follower_(std::make_unique<follower>(structure_->all().grammar)) {}

token_guide::~token_guide() = default;

bool token_guide::accept(token_id token) {
  place_ = place::held;
  try {
    if (!follower_->matcher.IsTerminated() && follower_->matcher.AcceptToken(token)) {
      ++accepted_;
      return true;
    }
  } catch (const std::exception&) {
    // The library gave up on it: the choice is as lost as if it had been refused.
  }
  place_ = place::lost;
  return false;
}

bool token_guide::step(token_id token) {
  switch (place_) {
    case place::start:
      if (token != opening_) return accept(token);
      place_ = place::thought;
      return true;
    case place::thought:
      if (token == closing_) place_ = place::behind;
      return true;
    case place::behind: {
      const auto& breaks = structure_->all().vocabulary->breaks;
      const bool is_break = std::ranges::find(breaks, token) != breaks.end();
      if (is_break && breaks_ < most_breaks) {
        ++breaks_;
        return true;
      }
      return accept(token);
    }
    case place::held:
      return accept(token);
    case place::lost:
      break;
  }
  return false;
}

bool token_guide::write_held(std::span<std::uint32_t> row) {
  std::int64_t shape[1] = {static_cast<std::int64_t>(row.size())};
  DLTensor tensor{};
  tensor.data = row.data();
  tensor.device = {kDLCPU, 0};
  tensor.ndim = 1;
  tensor.dtype = xgrammar::GetBitmaskDLType();
  tensor.shape = shape;
  try {
    if (follower_->matcher.IsTerminated()) return false;
    if (!follower_->matcher.FillNextTokenBitmask(&tensor)) allow_all(row, structure_->vocab());
    if (structure_->all().json) {
      const auto& controls = structure_->all().vocabulary->controls;
      for (std::size_t i = 0; i < row.size(); ++i) row[i] &= ~controls[i];
    }
    return true;
  } catch (const std::exception&) {
    return false;
  }
}

void token_guide::write(std::span<std::uint32_t> row, bool may_end) {
  const structure_vocabulary& vocabulary = *structure_->all().vocabulary;
  std::ranges::fill(row, 0U);
  if (place_ == place::thought) {
    allow_all(row, vocabulary.size);
    for (const token_id end : vocabulary.ends) forbid(row, end);
    return;
  }
  if (place_ != place::lost && !write_held(row)) std::ranges::fill(row, 0U);
  if (place_ == place::start) allow(row, opening_);
  if (place_ == place::behind && breaks_ < most_breaks)
    for (const token_id token : vocabulary.breaks) allow(row, token);
  if (!may_end)
    for (const token_id end : vocabulary.ends) forbid(row, end);
  if (!is_empty(row)) return;
  for (const token_id end : vocabulary.ends) allow(row, end);
}

bool token_guide::begins() {
  std::vector<std::uint32_t> row((structure_->vocab() + 31) / 32);
  return write_held(row) && !is_empty(row);
}

void token_guide::fill(std::span<const token_id> drawn, std::span<const token_id> guessed,
                       std::uint32_t least, std::span<const std::span<std::uint32_t>> rows) {
  for (; followed_ < drawn.size(); ++followed_) (void)step(drawn[followed_]);
  const place from = place_;
  const std::uint32_t breaks = breaks_;
  const std::uint32_t accepted = accepted_;
  for (std::size_t ahead = 0; ahead < rows.size(); ++ahead) {
    if (!rows[ahead].empty()) write(rows[ahead], drawn.size() + ahead >= least);
    if (ahead >= guessed.size()) continue;
    // A guess that cannot be drawn need not be tried: nothing behind it will count.
    if (rows[ahead].empty() || allows(rows[ahead], guessed[ahead]))
      (void)step(guessed[ahead]);
    else
      place_ = place::lost;
  }
  if (accepted_ != accepted) {
    try {
      follower_->matcher.Rollback(static_cast<int>(accepted_ - accepted));
      place_ = from;
    } catch (const std::exception&) {
      place_ = place::lost;
    }
    accepted_ = accepted;
  } else {
    place_ = from;
  }
  breaks_ = breaks;
}

}  // namespace troupe
