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
  /// One more user of any page, a free one too: for page tables that were made elsewhere.
  void claim(std::int32_t page);
  /// One user fewer. The last user's page becomes cached if `keep`, else free.
  void drop(std::int32_t page, bool keep);

  [[nodiscard]] bool contains(std::int32_t number) const {
    return number >= 0 && static_cast<std::size_t>(number) < pages_.size();
  }
  [[nodiscard]] std::uint32_t users(std::int32_t number) const {
    return pages_[static_cast<std::size_t>(number)].users;
  }
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
    std::uint32_t slot = 0;  ///< in free_, where it is free
    std::list<std::int32_t>::iterator place;
  };
  void add_free(std::int32_t page);

  std::vector<page> pages_;
  std::vector<std::int32_t> free_;
  std::list<std::int32_t> lru_;  ///< front: least recently used
};

}  // namespace troupe
