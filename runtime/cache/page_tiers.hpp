#pragma once

#include <chrono>
#include <cstdint>
#include <utility>
#include <vector>

#include "runtime/cache/block_key.hpp"

namespace troupe {

/// Where the contents of KV pages are kept besides the device, by what they hold.
///
/// Nothing here waits for a copy or a disk: what was begun is told by poll(). A page that was given
/// to put() or fetch() must stay what it is, and nobody else's, until then. One owner.
class page_tiers {
 public:
  /// A fetch that has ended: its first `pages` pages were filled, the others were not.
  struct fetched {
    std::uint64_t job = 0;
    std::uint32_t pages = 0;
  };
  struct progress {
    std::vector<std::int32_t> copied;  ///< pages whose contents were taken
    std::vector<fetched> arrived;
  };
  using request = std::vector<std::pair<block_key, std::int32_t>>;

  page_tiers() = default;
  page_tiers(const page_tiers&) = delete;
  page_tiers& operator=(const page_tiers&) = delete;
  virtual ~page_tiers() = default;

  /// Whether the block is likely to come back when it is fetched.
  [[nodiscard]] virtual bool has(const block_key& key) const = 0;
  /// Begins to copy a page out. False: too many are on their way; try again later.
  [[nodiscard]] virtual bool put(const block_key& key, std::int32_t page) = 0;
  /// Begins to fill pages, in order, up to the first whose block is not there any more.
  virtual void fetch(std::uint64_t job, request blocks) = 0;
  /// What has ended since the last call.
  [[nodiscard]] virtual progress poll() = 0;
  /// Waits until poll() has something to tell, or for so long.
  virtual void wait(std::chrono::milliseconds longest) = 0;
  /// When it returns, no page is read or written any more: somebody else has them. What was begun
  /// is told as taken, or as not filled; so is what comes later. Any thread.
  virtual void close() = 0;
};

}  // namespace troupe
