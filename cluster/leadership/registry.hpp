#pragma once

#include <cstdint>
#include <string>

#include "runtime/base/result.hpp"

namespace troupe {

/// A supervisor that leads a cluster, or did.
struct leader_record {
  std::uint64_t term = 0;  ///< of its leadership; 0: nobody has ever led
  std::string name;
  std::string address;  ///< "host:port" that nodes join; empty until it takes them in
  friend bool operator==(const leader_record&, const leader_record&) = default;
};

/// What a registry knows at one moment.
struct registry_view {
  leader_record last;
  bool held = false;          ///< the last leader's claim has not run out
  std::int64_t revision = 0;  ///< names this moment: a claim is for what was seen
};

/// A leadership as the registry gave it.
struct leadership_claim {
  leader_record record;
  std::int64_t revision = 0;
  std::int64_t lease = 0;
};

/// Where supervisors agree on which of them leads. Terms grow by one with each leader, so that
/// whoever is told something by two leaders knows which is the later one. A claim that is not
/// renewed runs out; it can also be taken from a leader that is known to be dead. Calls block for a
/// bounded time; one thread at a time.
class leader_registry {
 public:
  leader_registry() = default;
  leader_registry(const leader_registry&) = delete;
  leader_registry& operator=(const leader_registry&) = delete;
  virtual ~leader_registry() = default;

  /// unavailable: the registry does not answer.
  [[nodiscard]] virtual result<registry_view> look() = 0;
  /// Takes the next term; stale_epoch: somebody has taken it since `seen`.
  [[nodiscard]] virtual result<leadership_claim> claim(const registry_view& seen,
                                                       const std::string& name) = 0;
  /// Says where nodes join; stale_epoch: another leads.
  [[nodiscard]] virtual result<void> announce(leadership_claim& claim,
                                              const std::string& address) = 0;
  /// Keeps the claim, also one that has run out while nobody took the next term. stale_epoch:
  /// somebody has: this leadership is over.
  [[nodiscard]] virtual result<void> renew(leadership_claim& claim) = 0;
  /// Gives it up, so that another need not wait for it to run out.
  [[nodiscard]] virtual result<void> resign(const leadership_claim& claim) = 0;
};

}  // namespace troupe
