#include "runtime/sampling/mask_desk.hpp"

#include <utility>

namespace troupe {

void mask_desk::expect(std::uint64_t epoch, std::uint64_t step,
                       const std::shared_ptr<token_masks>& masks) {
  const std::lock_guard lock(mutex_);
  if (ended_ || epoch != epoch_) return masks->give_up();
  entry& e = entry_of(step);
  if (e.came == nullptr) {
    e.waiting.push_back(masks);
  } else if (!masks->take(*e.came)) {
    masks->give_up();
  }
}

void mask_desk::take(std::uint64_t epoch, std::uint64_t step,
                     std::shared_ptr<const token_masks> masks) {
  const std::lock_guard lock(mutex_);
  if (ended_ || epoch != epoch_) return;
  entry& e = entry_of(step);
  for (const auto& each : std::exchange(e.waiting, {}))
    if (const auto waits = each.lock(); waits != nullptr && !waits->take(*masks)) waits->give_up();
  e.came = std::move(masks);
}

void mask_desk::begin(std::uint64_t epoch) {
  const std::lock_guard lock(mutex_);
  if (epoch == epoch_) return;
  epoch_ = epoch;
  forget_all();
}

void mask_desk::end() {
  const std::lock_guard lock(mutex_);
  ended_ = true;
  forget_all();
}

/// The oldest goes where there are too many; steps count up.
mask_desk::entry& mask_desk::entry_of(std::uint64_t step) {
  const auto [place, fresh] = entries_.try_emplace(step);
  if (fresh && entries_.size() > most_) {
    const auto oldest = entries_.begin() == place ? std::next(place) : entries_.begin();
    give_up(oldest->second);
    entries_.erase(oldest);
  }
  return place->second;
}

void mask_desk::give_up(const entry& e) {
  for (const auto& each : e.waiting)
    if (const auto waits = each.lock()) waits->give_up();
}

void mask_desk::forget_all() {
  for (const auto& [step, e] : entries_) give_up(e);
  entries_.clear();
}

}  // namespace troupe
