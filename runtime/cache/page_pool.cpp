#include "runtime/cache/page_pool.hpp"

namespace troupe {

page_pool::page_pool(std::uint32_t pages) : pages_(pages) {
  free_.reserve(pages);
  for (std::uint32_t i = pages; i > 0; --i) add_free(static_cast<std::int32_t>(i - 1));
}

void page_pool::add_free(std::int32_t number) {
  pages_[static_cast<std::size_t>(number)].slot = static_cast<std::uint32_t>(free_.size());
  free_.push_back(number);
}

std::optional<page_pool::grant> page_pool::take() {
  grant g;
  if (!free_.empty()) {
    g.page = free_.back();
    free_.pop_back();
  } else if (!lru_.empty()) {
    g = {lru_.front(), true};
    lru_.pop_front();
    pages_[static_cast<std::size_t>(g.page)].cached = false;
  } else {
    return std::nullopt;
  }
  pages_[static_cast<std::size_t>(g.page)].users = 1;
  return g;
}

void page_pool::share(std::int32_t number) {
  page& p = pages_[static_cast<std::size_t>(number)];
  if (p.cached) {
    lru_.erase(p.place);
    p.cached = false;
  }
  ++p.users;
}

void page_pool::claim(std::int32_t number) {
  page& p = pages_[static_cast<std::size_t>(number)];
  if (p.users > 0 || p.cached) return share(number);
  const std::int32_t last = free_.back();
  free_[p.slot] = last;
  pages_[static_cast<std::size_t>(last)].slot = p.slot;
  free_.pop_back();
  p.users = 1;
}

void page_pool::drop(std::int32_t number, bool keep) {
  page& p = pages_[static_cast<std::size_t>(number)];
  if (p.users == 0 || --p.users > 0) return;
  if (keep) {
    p.place = lru_.insert(lru_.end(), number);
    p.cached = true;
  } else {
    add_free(number);
  }
}

}  // namespace troupe
