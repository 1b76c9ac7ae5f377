#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "runtime/base/token.hpp"
#include "runtime/cache/kv_manager.hpp"

namespace troupe {

/// What a batcher asks of every cache manager of its group, answered as a whole and in this order:
/// reconcile, commits, releases, trims, extends, opens, awaits.
struct cache_request {
  struct commit {
    sequence_id sequence = 0;
    std::uint32_t first = 0;
    std::vector<token_id> tokens;
  };
  struct length {
    sequence_id sequence = 0;
    std::uint32_t positions = 0;
  };
  struct open {
    sequence_id sequence = 0;
    std::vector<token_id> tokens;
    std::uint32_t at_most = 0;  ///< most positions to take from the prefix index
    cache_space space = 0;      ///< where it looks, and what it leaves is found
  };
  std::uint64_t epoch = 0;
  std::uint64_t number = 0;  ///< of the batcher's requests, counting up
  /// The first request of an epoch: all sequences there are, and where they stand.
  std::optional<std::vector<kv_standing>> reconcile;
  std::vector<commit> commits;
  std::vector<sequence_id> releases;
  std::vector<length> trims;
  std::vector<length> extends;
  std::vector<open> opens;
  std::vector<sequence_id> awaits;  ///< sequences whose pages were on their way from a tier

  [[nodiscard]] bool empty() const {
    return !reconcile && commits.empty() && releases.empty() && trims.empty() && extends.empty() &&
           opens.empty() && awaits.empty();
  }
};

/// The answer, in the order of the request's standings, extends, opens and awaits.
struct cache_reply {
  static constexpr std::uint32_t on_its_way = 0xFFFF'FFFF;
  std::uint64_t epoch = 0;
  std::uint64_t number = 0;         ///< the request's
  std::vector<std::uint32_t> held;  ///< positions held for each standing
  std::vector<bool> extended;       ///< false: out of pages, nothing changed
  /// Positions found for each open; on_its_way: some come from a tier, to be awaited.
  std::vector<std::uint32_t> cached;
  std::vector<std::uint32_t> arrived;  ///< the same for each await
  /// Managers found or hold different lengths; `cached`, `arrived` and `held` have the least.
  bool uneven = false;
  std::uint32_t available_pages = 0;
  std::uint32_t total_pages = 0;
  std::uint32_t cached_pages = 0;
  std::uint64_t looked_up = 0;
  std::uint64_t found = 0;
};

/// Carries out a request on one manager.
[[nodiscard]] cache_reply answer(kv_manager& manager, const cache_request& request);

/// Lets every request to a manager through once, and none of an epoch that is over.
class cache_request_gate {
 public:
  [[nodiscard]] bool admit(const cache_request& request);

 private:
  std::uint64_t epoch_ = 0;
  std::uint64_t number_ = 0;
};

/// Sequences whose page tables a request may change. A reconcile closes others besides: those that
/// were open and are not listed.
[[nodiscard]] std::vector<sequence_id> touched(const cache_request& request);

/// One answer from the answers of every stage: what all of them could do. `replies` is not empty.
[[nodiscard]] cache_reply merge(std::span<const cache_reply> replies);

}  // namespace troupe
