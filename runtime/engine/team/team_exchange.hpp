#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <span>
#include <vector>

#include "runtime/engine/team/team_link.hpp"
#include "runtime/engine/team/team_memory.hpp"

namespace troupe {

/// A rank's columns among rows, in bytes: a multiple of four.
struct column_span {
  std::size_t first = 0;
  std::size_t bytes = 0;
};

/// The ranks' streams seen as one: work is submitted to all of them in the same order, and rows are
/// brought together across them. Everything is meant by the addresses of rank 0's copies.
class team_exchange {
 public:
  team_exchange(team_ranks ranks, team_link_maker make, team_link::ended_fn ended);
  team_exchange(const team_exchange&) = delete;
  team_exchange& operator=(const team_exchange&) = delete;
  /// The ranks finish what was submitted, which may still ask for faults, before anything goes.
  ~team_exchange();

  [[nodiscard]] const team_ranks& ranks() const { return ranks_; }
  [[nodiscard]] std::uint32_t count() const { return static_cast<std::uint32_t>(ranks_.size()); }
  [[nodiscard]] const team_memory& memory() const { return memory_; }
  /// Throws std::bad_alloc.
  [[nodiscard]] device_buffer allocate(std::size_t bytes);
  /// Calls `reached` once every rank's stream has passed what was submitted.
  void notify(std::function<void()> reached);

  /// A new group, unless there is one of this epoch or a newer one. A group that cannot be made
  /// counts as one that has ended. What is on the streams still uses the old one, which stays until
  /// they have passed it.
  void begin_epoch(std::uint64_t epoch);
  /// Why the group has ended whose work the streams pass now: this epoch's, or one before it while
  /// they still have work of its. Any thread, also a stream's.
  [[nodiscard]] std::optional<error> fault() const;
  void abort(error why);

  /// Whoever submits holds it from an operation's first submission to its last.
  [[nodiscard]] std::unique_lock<std::mutex> hold() { return std::unique_lock(submitting_); }

  // While held:

  /// ok, or why nothing may be submitted.
  [[nodiscard]] kernels::status ready() const;
  /// f(rank, its kernels, its stream) for each. A rank that refuses what an earlier one took ends
  /// the group, as they are no longer at the same place.
  template <class F>
  kernels::status each(const F& f) {
    for (std::uint32_t r = 0; r < count(); ++r) {
      const kernels::status done = f(r, ranks_[r]->kernels(), ranks_[r]->stream());
      if (done == kernels::status::ok) continue;
      if (r > 0 || done == kernels::status::device_error) refused(r);
      return done;
    }
    return kernels::status::ok;
  }
  /// Two rooms of scratch: for what is gathered, and for a product that is not wanted as it is.
  enum class use : std::uint8_t { gathering, product };
  /// Room for an operation's own use, until the next call for the same. Null where there is no
  /// memory.
  [[nodiscard]] std::byte* scratch(std::size_t bytes, use which = use::gathering);
  /// Rows that lie in scratch, each rank's columns by themselves `own_strides[rank]` apart, into
  /// the columns of `to` on every rank; on rank 0 alone where `to` is no buffer of the team.
  kernels::status gather(const std::byte* mine, std::span<const std::size_t> own_strides,
                         std::byte* all, std::span<const column_span> columns, std::uint32_t rows,
                         std::byte* to, std::size_t to_stride);
  /// Rows of which each rank has its columns in place, made whole on every rank. Takes scratch.
  kernels::status complete(std::byte* data, std::size_t stride,
                           std::span<const column_span> columns, std::uint32_t rows);

 private:
  /// The group of an epoch that is over, and whether the streams have passed its work.
  struct former {
    std::shared_ptr<team_link> link;
    std::shared_ptr<std::atomic<bool>> passed;
  };

  [[nodiscard]] std::shared_ptr<team_link> link() const;
  void refused(std::uint32_t rank);

  team_ranks ranks_;
  team_link_maker make_;
  team_link::ended_fn ended_;
  team_memory memory_;
  std::mutex submitting_;
  std::array<device_buffer, 2> scratch_;
  mutable std::mutex lock_;  ///< of the link; nobody who has it waits for a stream
  std::shared_ptr<team_link> link_;
  std::vector<former> former_;
  std::uint64_t epoch_ = 0;
  std::optional<error> unmade_;  ///< why there is no link
};

}  // namespace troupe
