#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>

#include "runtime/base/result.hpp"

namespace troupe {

/// One rank's end of a group that computes a stage together, for one epoch of its placement. Every
/// rank makes the same calls in the same order. Nothing waits: `done` is called once the numbers
/// are there, or with the reason they will never be.
///
/// The group ends as a whole: when a rank goes, a deadline passes or somebody aborts, every call
/// that is still open ends with that error on every rank, and later ones are refused. What comes
/// after is a new group of a new epoch. Any thread; `done` must not block.
class collective {
 public:
  using clock = std::chrono::steady_clock;
  using done_fn = std::function<void(result<void>)>;
  /// Calls of one rank that may be open at a time.
  static constexpr std::size_t most_open = 64;

  collective() = default;
  collective(const collective&) = delete;
  collective& operator=(const collective&) = delete;
  /// A rank that goes aborts its group.
  virtual ~collective() = default;

  [[nodiscard]] virtual std::uint32_t rank() const = 0;
  [[nodiscard]] virtual std::uint32_t ranks() const = 0;
  [[nodiscard]] virtual std::uint64_t epoch() const = 0;

  /// all[r * count .. ) = rank r's `mine`, `count` floats each. Exact. Both must stay until `done`.
  /// A refusal (exhausted, or the group has ended) means that `done` is not called.
  virtual result<void> all_gather(const float* mine, float* all, std::size_t count,
                                  clock::time_point deadline, done_fn done) = 0;
  /// data[i] = the sum over the ranks, the same bits on each; in process added in rank order. The
  /// bits depend on the number of ranks.
  virtual result<void> all_reduce(float* data, std::size_t count, clock::time_point deadline,
                                  done_fn done) = 0;
  /// Whether every call so far lies in its place among the rank's other work: what is submitted to
  /// the rank's stream from now on finds its numbers. In process a call is no part of a stream.
  [[nodiscard]] virtual bool placed() { return true; }
  /// Lets time pass: completes what is complete, and ends the group where a deadline has passed.
  virtual void progress(clock::time_point now) = 0;
  virtual void abort(error why) = 0;
  /// Whether the group has ended, as far as this end knows: true before any number of an open call
  /// can be wrong.
  [[nodiscard]] virtual bool ended() const = 0;
};

/// Rows whose columns were gathered rank by rank, side by side: out[r, k * width + i] =
/// all[(k * rows + r) * width + i].
void place_columns(const float* all, std::uint32_t ranks, std::uint32_t rows, std::uint32_t width,
                   float* out);

}  // namespace troupe
