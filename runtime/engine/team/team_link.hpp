#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "runtime/device/device.hpp"

namespace troupe {

/// How the ranks of a team bring their numbers together, for one epoch: a group with an end for
/// each rank, whose calls lie in the order of the ranks' streams.
///
/// It ends as a whole and for good: when a rank does not come in time, or somebody aborts. What is
/// on the streams by then passes without being done.
class team_link {
 public:
  /// What a rank gives, and where it gets what all give, one after another.
  struct part {
    const float* mine = nullptr;
    float* all = nullptr;
  };
  /// Is told once why a group ended, on any thread; it must not block.
  using ended_fn = std::function<void(const error&)>;

  team_link() = default;
  team_link(const team_link&) = delete;
  team_link& operator=(const team_link&) = delete;
  virtual ~team_link() = default;

  [[nodiscard]] virtual std::uint64_t epoch() const = 0;
  /// Submits a gathering of `count` floats a rank to every rank's stream; exact. device_error where
  /// the group has ended. One thread at a time.
  virtual kernels::status gather(std::span<const part> of_ranks, std::size_t count) = 0;
  /// Why the group has ended. Any thread.
  [[nodiscard]] virtual std::optional<error> ended() const = 0;
  /// Any thread.
  virtual void abort(error why) = 0;
};

using team_ranks = std::vector<std::shared_ptr<device>>;

/// Makes the group of an epoch; it borrows `ranks`.
using team_link_maker = std::function<result<std::shared_ptr<team_link>>(
    const team_ranks& ranks, std::uint64_t epoch, team_link::ended_fn ended)>;

/// Groups over the in-process collective, for ranks whose memory the host can use. A rank's stream
/// waits at a gathering until all are there, at most for `deadline`: so notify() of a rank must run
/// on a thread of its own, or at once.
[[nodiscard]] team_link_maker host_links(std::chrono::milliseconds deadline);

}  // namespace troupe
