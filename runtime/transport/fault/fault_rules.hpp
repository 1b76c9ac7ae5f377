#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <unordered_map>
#include <vector>

#include "runtime/transport/transport.hpp"

namespace troupe {

/// What may happen to frames on their way to a peer. Chances are between 0 and 1.
struct fault_rule {
  std::optional<peer_id> peer = std::nullopt;     ///< to whom; nobody named: to anybody
  std::optional<frame_kind> kind = std::nullopt;  ///< none named: of any kind
  std::uint64_t after = 0;                 ///< the first so many matching frames are left alone
  std::uint64_t most = ~std::uint64_t{0};  ///< so many matching frames after them may be struck
  double drop = 0;
  double duplicate = 0;  ///< goes twice
  double reorder = 0;    ///< is held back until `overtaken_by` later frames to the peer have gone
  std::uint32_t overtaken_by = 1;
  /// Every frame is late by a time between the two; frames to one peer stay in order.
  std::chrono::microseconds delay_least{0};
  std::chrono::microseconds delay_most{0};
};

/// What becomes of one frame.
struct frame_fate {
  bool drop = false;
  std::uint32_t copies = 1;
  std::uint32_t overtaken_by = 0;
  std::chrono::microseconds delay{0};
};

/// Decides the fate of each frame by the rules, all of which apply that match. The decision is a
/// function of the seed, the two ends and the frame's number among those between them, so that it
/// does not depend on how threads take turns.
class fault_rules {
 public:
  fault_rules(std::uint64_t seed, peer_id self) : seed_(seed), self_(self) {}

  void add(fault_rule rule) { rules_.push_back({rule, 0}); }
  void clear() { rules_.clear(); }
  [[nodiscard]] frame_fate decide(peer_id to, frame_kind kind);

 private:
  struct counted_rule {
    fault_rule rule;
    std::uint64_t seen = 0;
  };
  std::uint64_t seed_;
  peer_id self_;
  std::vector<counted_rule> rules_;
  std::unordered_map<peer_id, std::uint64_t> frames_;  ///< so far, to each
};

}  // namespace troupe
