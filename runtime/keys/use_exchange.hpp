#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "runtime/keys/key_ring.hpp"
#include "runtime/keys/key_taken.hpp"

namespace troupe {

/// Where the keys of one process meet those of its cluster's other gateways, so that a limit of a
/// minute is one over all of them: each is told what the others have taken. While nobody tells it,
/// each keeps to its part of the limit. Waits for nobody. Any thread.
class use_exchange {
 public:
  /// From now on these keys take part, for as long as they are there.
  void share(const std::shared_ptr<key_ring>& keys);
  [[nodiscard]] bool shares() const;

  /// What was taken here since it was last asked; for the others.
  [[nodiscard]] std::vector<key_taken> take();
  /// What others have taken.
  void add(std::span<const key_taken> taken);

  /// So many processes, with this one, tell each other what they take.
  void join(std::uint32_t sharers);
  /// They no longer do: each has its part, and what it takes is not for others.
  void part();

 private:
  mutable std::mutex mutex_;
  std::weak_ptr<key_ring> keys_;
  std::uint32_t sharers_ = 1;
  bool joined_ = true;  ///< one that was never told of others is alone in the cluster
};

}  // namespace troupe
