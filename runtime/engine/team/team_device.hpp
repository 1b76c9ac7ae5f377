#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>

#include "runtime/engine/team/team_backend.hpp"
#include "runtime/engine/team/team_exchange.hpp"

namespace troupe {

/// Several devices of one kind that compute together as one: tensor parallelism. Each has its share
/// of the weights and of the keys and values; answers have the bits that one of them gives.
///
/// A buffer is a copy on each rank, known by the address of rank 0's. The ranks' groups are those
/// of `make`, one an epoch. When a group ends, whatever is submitted is refused, what had been is
/// passed in a bounded time, fault() says why, and begin_epoch() makes the next.
class team_device final : public device {
 public:
  /// At least one rank, all of the same target. `ended` is told when a group ends by itself: what
  /// was submitted in its epoch gives no results.
  team_device(team_ranks ranks, team_link_maker make, team_link::ended_fn ended = nullptr);
  /// The ranks finish what was submitted.
  ~team_device() override = default;

  [[nodiscard]] kernels::backend& kernels() override { return backend_; }
  [[nodiscard]] kernels::stream& stream() override { return stream_; }
  [[nodiscard]] std::uint32_t width() const override;
  /// Of all ranks together, as far as they can be filled evenly.
  [[nodiscard]] std::size_t free_memory() const override;
  [[nodiscard]] device_buffer allocate(std::size_t bytes) override {
    return exchange_.allocate(bytes);
  }
  /// What the host writes into a buffer would reach one rank alone.
  [[nodiscard]] bool has_own_memory() const override { return true; }
  /// One for all ranks.
  [[nodiscard]] device_buffer allocate_shared(std::size_t bytes) override {
    return first().allocate_shared(bytes);
  }

  [[nodiscard]] std::uint32_t ranks() const override { return exchange_.count(); }
  [[nodiscard]] std::byte* on_rank(std::byte* at, std::uint32_t rank) const override {
    return exchange_.memory().on(at, rank);
  }
  kernels::status complete_rows(float* rows, std::uint32_t count, std::uint32_t cols) override {
    return backend_.complete_rows(rows, count, cols);
  }
  void begin_epoch(std::uint64_t epoch) override { exchange_.begin_epoch(epoch); }
  [[nodiscard]] std::optional<error> fault() const override { return exchange_.fault(); }
  /// Ends the epoch's group, as when a rank is known to be lost.
  void abort(error why) { exchange_.abort(std::move(why)); }

  void notify(std::function<void()> reached) override { exchange_.notify(std::move(reached)); }
  void begin_step(std::chrono::steady_clock::time_point* at) override { first().begin_step(at); }

  /// Counters and the profile are rank 0's, whose stream the others keep step with.
  [[nodiscard]] device_counters counters() const override { return first().counters(); }
  void start_profile() override { first().start_profile(); }
  [[nodiscard]] result<device_profile> stop_profile() override { return first().stop_profile(); }
  [[nodiscard]] result<device_limits> measure_limits() override { return first().measure_limits(); }

 private:
  /// Stands for the ranks' streams. The backend knows them.
  class team_stream final : public kernels::stream {};

  [[nodiscard]] device& first() const { return *exchange_.ranks().front(); }

  team_exchange exchange_;
  team_backend backend_;
  team_stream stream_;
};

}  // namespace troupe
