#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <tuple>
#include <unordered_map>
#include <vector>

#include "cluster/admission/work_rate.hpp"

namespace troupe {

/// A request that wants to run.
struct fair_ticket {
  std::uint64_t id = 0;
  std::uint64_t account = 0;  ///< whose it is
  std::uint8_t rank = 1;      ///< 0 goes before 1, and 1 before 2 ...
  std::uint64_t cost = 0;     ///< in tokens, as far as can be told before
};

struct fair_limits {
  std::uint32_t running = 0;     ///< at once
  std::uint32_t waiting = 1024;  ///< more are refused
  std::chrono::milliseconds longest_wait{30'000};
};

/// Decides which request runs next when there are more than can run at once. Within a rank,
/// accounts that have something waiting get the same tokens (start-time fair queueing), however
/// many requests each of them sends; within an account it is first come, first served. Plain: the
/// caller brings the time and the lock.
class fair_queue {
 public:
  using time = work_rate::time;
  using seconds = std::chrono::duration<double>;
  static constexpr std::size_t ranks = 4;  ///< three of keys, and below them batches

  explicit fair_queue(const fair_limits& limits) : limits_(limits) {}

  /// How long such a request would wait if nobody else came; nothing while that cannot be told.
  [[nodiscard]] std::optional<seconds> expected_wait(const fair_ticket& ticket) const;
  /// False: as many wait as may. Otherwise next() will say when it runs.
  [[nodiscard]] bool offer(const fair_ticket& ticket, time now);
  /// The next one to run now, which takes a place; nothing where no place is free or nobody waits.
  [[nodiscard]] std::optional<std::uint64_t> next();
  /// One that ran has ended: its place is free.
  void finished();
  /// One that waits does not want to any more; false where it does not wait.
  bool withdraw(std::uint64_t id);
  /// Those that have waited for too long; they wait no more.
  [[nodiscard]] std::vector<std::uint64_t> expired(time now);
  /// When the next one of them will have; nothing where nobody waits.
  [[nodiscard]] std::optional<time> next_expiry() const;

  /// Since when the one waits that has waited longest; nothing where nobody waits.
  [[nodiscard]] std::optional<time> waiting_since() const;

  /// Running requests have worked off so many tokens.
  void worked(std::uint64_t tokens, time now);

  [[nodiscard]] std::size_t waiting() const { return queue_.size(); }
  [[nodiscard]] const fair_limits& limits() const { return limits_; }

 private:
  /// Rank, start tag, id.
  using place = std::tuple<std::uint8_t, std::uint64_t, std::uint64_t>;
  struct waiter {
    fair_ticket ticket;
    time until;
  };
  struct standing {
    std::uint64_t finish = 0;  ///< the tag at which its last request ends
    std::size_t waiting = 0;
  };

  [[nodiscard]] bool full() const { return running_ >= limits_.running; }
  [[nodiscard]] std::uint64_t start_of(const fair_ticket& ticket) const;
  void take_out(std::map<place, waiter>::iterator at);
  void forget_idle(std::uint8_t rank);

  const fair_limits limits_;
  std::uint32_t running_ = 0;
  std::map<place, waiter> queue_;
  std::unordered_map<std::uint64_t, place> places_;
  /// By rank: the start tag of the request that ran last, and how far each account is.
  std::array<std::uint64_t, ranks> now_at_{};
  std::array<std::unordered_map<std::uint64_t, standing>, ranks> accounts_;
  work_rate rate_;
};

}  // namespace troupe
