#include <condition_variable>
#include <mutex>
#include <utility>

#include "runtime/engine/team/team_link.hpp"
#include "runtime/transport/collective/inproc_collective.hpp"

namespace troupe {
namespace {

using clock = collective::clock;

/// How often a rank that waits lets time pass.
constexpr auto look = std::chrono::milliseconds(5);

/// The ends of a group, and how it ended. Submitted work keeps it.
class host_group {
 public:
  host_group(std::uint32_t ranks, std::uint64_t epoch, std::chrono::milliseconds deadline,
             team_link::ended_fn ended)
      : epoch_(epoch),
        deadline_(deadline),
        ends_(make_inproc_collective(ranks, epoch)),
        tell_(std::move(ended)) {}

  [[nodiscard]] std::uint64_t epoch() const { return epoch_; }
  [[nodiscard]] collective& end_of(std::uint32_t rank) const { return *ends_[rank]; }
  [[nodiscard]] clock::time_point by() const { return clock::now() + deadline_; }
  [[nodiscard]] std::optional<error> ended() const {
    const std::lock_guard guard(lock_);
    return why_;
  }
  void end(const error& why) {
    {
      const std::lock_guard guard(lock_);
      if (why_) return;
      why_ = why;
    }
    ends_.front()->abort(why);
    if (tell_) tell_(why);
  }

 private:
  std::uint64_t epoch_;
  std::chrono::milliseconds deadline_;
  std::vector<std::unique_ptr<collective>> ends_;
  team_link::ended_fn tell_;
  mutable std::mutex lock_;
  std::optional<error> why_;
};

/// One gathering: each rank's call, and its wait for the end.
class gathering {
 public:
  gathering(std::shared_ptr<host_group> group, std::span<const team_link::part> parts,
            std::size_t count)
      : group_(std::move(group)),
        parts_(parts.begin(), parts.end()),
        count_(count),
        done_(parts.size()) {}

  static void call(const std::shared_ptr<gathering>& self, std::uint32_t rank) {
    host_group& g = *self->group_;
    const auto asked = g.end_of(rank).all_gather(
        self->parts_[rank].mine, self->parts_[rank].all, self->count_, g.by(),
        [self, rank](const result<void>& end) { self->finish(rank, end); });
    if (!asked) self->finish(rank, fail(asked.error()));
  }

  void wait(std::uint32_t rank) {
    std::unique_lock guard(lock_);
    while (!changed_.wait_for(guard, look, [&] { return done_[rank]; })) {
      guard.unlock();
      // A deadline that has passed ends the call.
      group_->end_of(rank).progress(clock::now());
      guard.lock();
    }
  }

 private:
  void finish(std::uint32_t rank, const result<void>& end) {
    if (!end) group_->end(end.error());
    // Under the lock to the last: who waits may free this.
    const std::lock_guard guard(lock_);
    done_[rank] = true;
    changed_.notify_all();
  }

  std::shared_ptr<host_group> group_;
  std::vector<team_link::part> parts_;
  std::size_t count_;
  std::mutex lock_;
  std::condition_variable changed_;
  std::vector<bool> done_;
};

class host_link final : public team_link {
 public:
  host_link(const team_ranks& ranks, std::uint64_t epoch, std::chrono::milliseconds deadline,
            ended_fn ended)
      : ranks_(ranks),
        group_(std::make_shared<host_group>(static_cast<std::uint32_t>(ranks_.size()), epoch,
                                            deadline, std::move(ended))) {}

  [[nodiscard]] std::uint64_t epoch() const override { return group_->epoch(); }
  kernels::status gather(std::span<const part> of_ranks, std::size_t count) override {
    if (group_->ended()) return kernels::status::device_error;
    const auto one = std::make_shared<gathering>(group_, of_ranks, count);
    // All calls before any wait: a rank may do its work as soon as it is submitted.
    for (std::uint32_t r = 0; r < ranks_.size(); ++r)
      ranks_[r]->notify([one, r] { gathering::call(one, r); });
    for (std::uint32_t r = 0; r < ranks_.size(); ++r) ranks_[r]->notify([one, r] { one->wait(r); });
    return kernels::status::ok;
  }
  [[nodiscard]] std::optional<error> ended() const override { return group_->ended(); }
  void abort(error why) override { group_->end(why); }

 private:
  const team_ranks& ranks_;
  std::shared_ptr<host_group> group_;
};

}  // namespace

team_link_maker host_links(std::chrono::milliseconds deadline) {
  return [deadline](const team_ranks& ranks, std::uint64_t epoch,
                    team_link::ended_fn ended) -> result<std::shared_ptr<team_link>> {
    return std::make_shared<host_link>(ranks, epoch, deadline, std::move(ended));
  };
}

}  // namespace troupe
