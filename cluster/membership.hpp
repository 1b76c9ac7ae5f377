#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/result.hpp"
#include "runtime/transport/transport.hpp"

namespace troupe {

enum class member_state : std::uint8_t { joining, up, suspect, draining, gone };

[[nodiscard]] std::string_view to_string(member_state s);

/// What a node says of itself when it joins.
struct member_info {
  peer_id peer = 0;
  std::string name;  ///< 1 to 64 of letters, digits, '.', '-' and '_'
  std::string host;  ///< the same; nodes on one host may fail together
  std::uint64_t pid = 0;
  std::string version;        ///< of troupe
  std::string model;          ///< digest of the model it serves
  std::string kernel_target;  ///< "AVX2", "AVX3_DL", ...
  std::size_t memory_bytes = 0;
  std::uint32_t threads = 0;
};

struct member {
  member_info info;
  member_state state = member_state::joining;
  member_state trusted = member_state::joining;  ///< what it is again once suspicion is withdrawn
  std::chrono::steady_clock::time_point since;   ///< of the present state
};

/// Something that happened to the cluster, for `troupe status`.
struct cluster_event {
  std::chrono::steady_clock::time_point at;
  std::string text;
};

/// What every node of a cluster must agree to.
struct cluster_identity {
  std::string version;
  std::string model;
  std::string kernel_target;  ///< empty: any, and a mixture is reported; else only this one
};

/// The nodes of a cluster and what state each is in. Decides nothing about when a node is suspect
/// or gone: it is told, checks that it can be, and notes it.
///
///   joining -> up -> draining -> gone;   joining, up, draining <-> suspect -> gone;   any -> gone
///
/// A process that is gone stays gone: the one that comes back has another peer id. Not thread-safe.
class membership {
 public:
  using time_point = std::chrono::steady_clock::time_point;
  struct limits {
    std::size_t members = 16384;  ///< not counting those that are gone
    std::size_t gone = 64;        ///< kept for show; the oldest are forgotten
    std::size_t events = 256;
  };

  explicit membership(cluster_identity identity);
  membership(cluster_identity identity, limits most);

  /// Takes a node in, as joining. A name is one node's at a time: a new process may take it once
  /// the former is gone. Refused (and noted as an event) with unsupported for a version that does
  /// not fit (versions_fit) or another kernel target, invalid_argument for another model or a bad
  /// name, already_exists for a name or peer in use, exhausted at the bound.
  [[nodiscard]] result<void> join(const member_info& info, time_point now);

  /// joining -> up: it holds what it was given. A suspect one is up once it is trusted again.
  [[nodiscard]] result<void> ready(peer_id peer, time_point now);
  [[nodiscard]] result<void> suspect(peer_id peer, time_point now, std::string_view why);
  /// Withdraws suspicion.
  [[nodiscard]] result<void> trust(peer_id peer, time_point now);
  /// It gets no new work and what it holds moves away. A suspect one drains once trusted again.
  [[nodiscard]] result<void> drain(peer_id peer, time_point now);
  [[nodiscard]] result<void> lose(peer_id peer, time_point now, std::string_view why);

  /// Null where there is none; valid until the next change.
  [[nodiscard]] const member* find(peer_id peer) const;
  /// The node of that name; one that is gone only where no other has the name.
  [[nodiscard]] const member* find(std::string_view name) const;
  /// In the order of joining, those that are gone among them.
  [[nodiscard]] const std::deque<member>& members() const { return members_; }
  [[nodiscard]] std::size_t count(member_state s) const;

  /// A line that says who has which kernel target, where they differ: bits may then differ too.
  [[nodiscard]] std::optional<std::string> mixed_targets() const;

  /// Notes anything else worth showing.
  void note(time_point now, std::string text);
  /// Oldest first.
  [[nodiscard]] const std::deque<cluster_event>& events() const { return events_; }
  /// How many older ones were dropped.
  [[nodiscard]] std::uint64_t events_dropped() const { return events_dropped_; }

 private:
  [[nodiscard]] result<void> check(const member_info& info) const;
  [[nodiscard]] result<member*> live(peer_id peer, std::string_view what);
  void enter(member& m, member_state s, time_point now, std::string_view why);

  cluster_identity identity_;
  limits limits_;
  std::deque<member> members_;
  std::deque<cluster_event> events_;
  std::uint64_t events_dropped_ = 0;
};

}  // namespace troupe
