#include "actors/bin/answer_queue.hpp"

#include <utility>

namespace troupe::cli {

void answer_queue::push(item next_item) {
  {
    const std::lock_guard lock(mutex_);
    items_.push_back(std::move(next_item));
  }
  ready_.notify_one();
}

void answer_queue::on_tokens(std::span<const token_event> events) {
  {
    const std::lock_guard lock(mutex_);
    items_.insert(items_.end(), events.begin(), events.end());
  }
  ready_.notify_one();
}

void answer_queue::on_done(const generation_summary& summary) { push(summary); }

void answer_queue::on_error(const error& e) { push(e); }

std::optional<answer_queue::item> answer_queue::next(std::chrono::milliseconds wait) {
  std::unique_lock lock(mutex_);
  if (!ready_.wait_for(lock, wait, [this] { return !items_.empty(); })) return std::nullopt;
  item first = std::move(items_.front());
  items_.pop_front();
  return first;
}

}  // namespace troupe::cli
