#pragma once

#include <cstdint>
#include <list>
#include <optional>
#include <vector>

namespace troupe {

/// Counts who uses each KV page. A page is free, in use (count > 0), or cached: used by nobody, but
/// holding a known prefix that may be asked for again. Cached pages are taken back, least recently
/// used first, when free ones run out.
class page_pool {
 public:
  explicit page_pool(std::uint32_t pages);

  /// A page with a count of one; `evicted` tells whether it was cached (its prefix must be
  /// forgotten).
  struct grant {
    std::int32_t page = -1;
    bool evicted = false;
  };
  [[nodiscard]] std::optional<grant> take();
  /// One more user of a page that is in use or cached.
  void share(std::int32_t page);
  /// One user fewer. The last user's page becomes cached if `keep`, else free.
  void drop(std::int32_t page, bool keep);

  [[nodiscard]] std::uint32_t total() const { return static_cast<std::uint32_t>(pages_.size()); }
  [[nodiscard]] std::uint32_t cached() const { return static_cast<std::uint32_t>(lru_.size()); }
  /// Pages that take() could still give.
  [[nodiscard]] std::uint32_t available() const {
    return static_cast<std::uint32_t>(free_.size() + lru_.size());
  }

 private:
  struct page {
    std::uint32_t users = 0;
    bool cached = false;
    std::list<std::int32_t>::iterator place;
  };
  std::vector<page> pages_;
  std::vector<std::int32_t> free_;
  std::list<std::int32_t> lru_;  ///< front: least recently used
};

}  // namespace troupe
