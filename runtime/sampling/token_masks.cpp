#include "runtime/sampling/token_masks.hpp"

#include <algorithm>

namespace troupe {
namespace {

/// Of a wait: what a process that was stopped meanwhile loses of its limit.
constexpr auto slice = std::chrono::milliseconds(50);

}  // namespace

void token_masks::enter(state s) {
  {
    const std::lock_guard lock(mutex_);
    if (state_.load() != state::awaited) return;
    state_.store(s);
  }
  changed_.notify_all();
}

bool token_masks::take(const token_masks& from) {
  if (from.rows_ != rows_ || from.words_ != words_) return false;
  {
    const std::lock_guard lock(mutex_);
    if (state_.load() != state::awaited) return true;
    std::ranges::copy(from.bits_, bits_.begin());
    state_.store(state::there);
  }
  changed_.notify_all();
  return true;
}

token_masks::state token_masks::await(std::chrono::milliseconds limit) const {
  // Mostly they have been there for long: the layers before the head take their time.
  if (const state s = state_.load(); s != state::awaited) return s;
  std::unique_lock lock(mutex_);
  for (auto left = limit;; left -= slice) {
    const bool settled = changed_.wait_for(lock, std::min(left, slice),
                                           [&] { return state_.load() != state::awaited; });
    if (settled || left <= slice) return state_.load();
  }
}

}  // namespace troupe
