#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <vector>

#include "runtime/base/result.hpp"
#include "runtime/transport/transport.hpp"

namespace troupe {

/// Decides which peer is asked for which block of a model's files: a few blocks at a time of each
/// peer that may have them, another one where a peer has not, is lost, stays silent or sends what
/// was not asked for. Not thread-safe.
class block_fetch {
 public:
  using clock = std::chrono::steady_clock;
  struct limits {
    std::uint32_t window = 4;           ///< blocks asked of one peer at a time
    std::chrono::seconds patience{10};  ///< for an answer; then the peer is asked no more
  };
  struct ask {
    peer_id to = 0;
    std::uint32_t block = 0;
    friend bool operator==(const ask&, const ask&) = default;
  };

  /// `sources`: those who may have blocks, the preferred ones first.
  block_fetch(const std::vector<std::uint32_t>& wanted, const std::vector<peer_id>& sources,
              const limits& most);

  /// What to ask now; each block is of one peer only at a time.
  [[nodiscard]] std::vector<ask> next(clock::time_point now);
  /// A block came as it should be. False: nobody had asked that peer for it.
  [[nodiscard]] bool arrived(peer_id from, std::uint32_t block);
  /// The peer does not have the block.
  void lacks(peer_id from, std::uint32_t block);
  /// The peer is asked no more, and what it was asked for goes to others.
  void give_up(peer_id peer);
  /// Peers that have been silent for too long are given up; returns them.
  [[nodiscard]] std::vector<peer_id> tick(clock::time_point now);

  [[nodiscard]] bool done() const { return waiting_.empty() && asked_.empty(); }
  [[nodiscard]] std::size_t left() const { return waiting_.size() + asked_.size(); }
  /// A block that nobody can be asked for any more.
  [[nodiscard]] std::optional<std::uint32_t> hopeless() const;

 private:
  struct source {
    std::uint32_t under_way = 0;
    std::set<std::uint32_t> lacks;
  };
  struct outstanding {
    peer_id of = 0;
    clock::time_point since;
  };
  [[nodiscard]] bool take_back(peer_id from, std::uint32_t block);

  limits limits_;
  std::vector<peer_id> order_;
  std::map<peer_id, source> sources_;
  std::deque<std::uint32_t> waiting_;
  std::map<std::uint32_t, outstanding> asked_;
};

}  // namespace troupe
