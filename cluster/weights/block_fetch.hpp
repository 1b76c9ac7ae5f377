#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <vector>

#include "runtime/base/result.hpp"
#include "runtime/transport/transport.hpp"

namespace troupe {

/// Decides which peer is asked for which block of a model's files: a few blocks at a time of each
/// peer that may have them, another one where a peer has not, is lost or stays silent. All but the
/// last are asked for blocks from all over, as most have a part of a model and are left alone once
/// enough was asked for in vain. What is done for a block does not grow with the number of blocks.
/// Not thread-safe.
class block_fetch {
 public:
  using clock = std::chrono::steady_clock;
  struct limits {
    std::uint32_t window = 4;           ///< blocks asked of one peer at a time
    std::chrono::seconds patience{10};  ///< for an answer; then the peer is asked no more
    /// For an answer of the last source, which many may ask at once and which has what nobody else
    /// need have.
    std::chrono::seconds last_patience{120};
    /// Blocks that a source, not the last, has not, one after another, before it is asked no more.
    std::uint32_t most_misses = 64;
  };
  struct ask {
    peer_id to = 0;
    std::uint32_t block = 0;
    friend bool operator==(const ask&, const ask&) = default;
  };

  /// `wanted`: without repeats. `sources`: those who may have blocks, the preferred ones first.
  block_fetch(std::vector<std::uint32_t> wanted, const std::vector<peer_id>& sources,
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

  [[nodiscard]] bool done() const { return left_ == 0; }
  [[nodiscard]] std::size_t left() const { return left_; }
  /// A block that nobody can be asked for any more.
  [[nodiscard]] std::optional<std::uint32_t> hopeless() const { return hopeless_; }

 private:
  using index = std::size_t;  ///< of a block among those wanted
  struct source {
    peer_id peer = 0;
    std::map<index, clock::time_point> asked;  ///< and since when
    index step = 1;                            ///< from one block to the next to look at
    index cursor = 0;
    std::size_t unseen = 0;  ///< blocks that have not been looked at yet
    std::vector<bool> seen;
    std::deque<index> again;  ///< seen ones that others could not give
    std::vector<bool> lacks;
    std::uint32_t misses = 0;  ///< one after another
  };
  [[nodiscard]] source* find(peer_id peer);
  [[nodiscard]] std::optional<index> next_for(source& s) const;
  [[nodiscard]] std::optional<index> take_back(source* from, std::uint32_t block);
  void put_back(index at);

  limits limits_;
  peer_id last_ = 0;
  std::vector<std::uint32_t> wanted_;
  std::map<std::uint32_t, index> index_of_;
  std::vector<bool> waits_;             ///< by index: neither asked for nor here
  std::vector<std::uint32_t> lackers_;  ///< by index: how many sources lack it
  std::vector<source> sources_;         ///< the preferred ones first
  std::size_t left_;
  std::optional<std::uint32_t> hopeless_;
};

}  // namespace troupe
