#include "runtime/transport/collective/inproc_collective.hpp"

#include <algorithm>
#include <deque>
#include <mutex>
#include <optional>
#include <utility>

namespace troupe {
namespace {

using clock = collective::clock;

enum class operation : std::uint8_t { gather, reduce };

/// What one rank brings to a round.
struct contribution {
  operation what = operation::gather;
  const float* in = nullptr;
  float* out = nullptr;
  std::size_t count = 0;
  clock::time_point deadline;
  collective::done_fn done;
};

struct round {
  explicit round(std::uint32_t ranks) : from(ranks) {}
  std::vector<std::optional<contribution>> from;
  std::uint32_t arrived = 0;
};

void gather(const round& r) {
  for (const auto& to : r.from)
    for (std::size_t k = 0; k < r.from.size(); ++k)
      std::copy_n(r.from[k]->in, to->count, to->out + k * to->count);
}

/// In rank order, whoever is last.
void reduce(const round& r) {
  const std::size_t count = r.from.front()->count;
  std::vector<float> sums(r.from.front()->in, r.from.front()->in + count);
  for (std::size_t k = 1; k < r.from.size(); ++k)
    for (std::size_t i = 0; i < count; ++i) sums[i] += r.from[k]->in[i];
  for (const auto& to : r.from) std::copy(sums.begin(), sums.end(), to->out);
}

/// What the ends of a group share.
class group {
 public:
  group(std::uint32_t ranks, std::uint64_t epoch) : epoch_(epoch), next_(ranks) {}

  [[nodiscard]] std::uint32_t ranks() const { return static_cast<std::uint32_t>(next_.size()); }
  [[nodiscard]] std::uint64_t epoch() const { return epoch_; }

  result<void> add(std::uint32_t rank, contribution c) {
    std::unique_lock guard(lock_);
    if (ended_) return fail(*ended_);
    const std::uint64_t number = next_[rank];
    if (number - first_ >= collective::most_open)
      return fail(errc::exhausted, "rank {} has {} collective calls open", rank, number - first_);
    if (number - first_ == rounds_.size()) rounds_.emplace_back(ranks());
    round& r = rounds_[number - first_];
    for (const auto& other : r.from) {
      if (!other || (other->what == c.what && other->count == c.count)) continue;
      error why(errc::internal,
                fmt::format("collective call {} of epoch {}: rank {} makes another than the others",
                            number, epoch_, rank));
      end(guard, why);
      return fail(std::move(why));
    }
    ++next_[rank];
    r.from[rank] = std::move(c);
    if (++r.arrived == ranks()) finish(guard);
    return {};
  }

  void progress(clock::time_point now) {
    std::unique_lock guard(lock_);
    for (std::size_t i = 0; i < rounds_.size() && !ended_; ++i) {
      for (const auto& c : rounds_[i].from) {
        if (!c || c->deadline > now) continue;
        const auto missing =
            std::ranges::find_if(rounds_[i].from, [](const auto& each) { return !each; });
        return end(guard, error(errc::deadline_exceeded,
                                fmt::format("collective call {} of epoch {}: {} of {} ranks came "
                                            "in time, rank {} did not",
                                            first_ + i, epoch_, rounds_[i].arrived, ranks(),
                                            missing - rounds_[i].from.begin())));
      }
    }
  }

  void abort(error why) {
    std::unique_lock guard(lock_);
    if (!ended_) end(guard, std::move(why));
  }
  [[nodiscard]] bool ended() const {
    const std::lock_guard guard(lock_);
    return ended_.has_value();
  }

 private:
  /// The first round is complete: ranks call in order, so no later one is before it.
  void finish(std::unique_lock<std::mutex>& guard) {
    round r = std::move(rounds_.front());
    rounds_.pop_front();
    ++first_;
    if (r.from.front()->what == operation::gather)
      gather(r);
    else
      reduce(r);
    guard.unlock();
    for (auto& c : r.from) c->done({});
  }

  void end(std::unique_lock<std::mutex>& guard, error why) {
    ended_ = std::move(why);
    const std::deque<round> open = std::exchange(rounds_, {});
    guard.unlock();
    for (const round& r : open)
      for (const auto& c : r.from)
        if (c) c->done(fail(*ended_));
  }

  const std::uint64_t epoch_;
  mutable std::mutex lock_;
  std::vector<std::uint64_t> next_;  ///< each rank's next call
  std::uint64_t first_ = 0;          ///< number of the first open round
  std::deque<round> rounds_;
  std::optional<error> ended_;  ///< set once, under the lock
};

class inproc_collective final : public collective {
 public:
  inproc_collective(std::shared_ptr<group> g, std::uint32_t rank)
      : group_(std::move(g)), rank_(rank) {}
  ~inproc_collective() override {
    group_->abort(error(errc::unavailable,
                        fmt::format("rank {} of epoch {} has gone", rank_, group_->epoch())));
  }

  [[nodiscard]] std::uint32_t rank() const override { return rank_; }
  [[nodiscard]] std::uint32_t ranks() const override { return group_->ranks(); }
  [[nodiscard]] std::uint64_t epoch() const override { return group_->epoch(); }
  result<void> all_gather(const float* mine, float* all, std::size_t count,
                          clock::time_point deadline, done_fn done) override {
    return group_->add(rank_, {operation::gather, mine, all, count, deadline, std::move(done)});
  }
  result<void> all_reduce(float* data, std::size_t count, clock::time_point deadline,
                          done_fn done) override {
    return group_->add(rank_, {operation::reduce, data, data, count, deadline, std::move(done)});
  }
  void progress(clock::time_point now) override { group_->progress(now); }
  void abort(error why) override { group_->abort(std::move(why)); }
  [[nodiscard]] bool ended() const override { return group_->ended(); }

 private:
  std::shared_ptr<group> group_;
  std::uint32_t rank_;
};

}  // namespace

std::vector<std::unique_ptr<collective>> make_inproc_collective(std::uint32_t ranks,
                                                                std::uint64_t epoch) {
  const auto shared = std::make_shared<group>(ranks, epoch);
  std::vector<std::unique_ptr<collective>> ends;
  for (std::uint32_t r = 0; r < ranks; ++r)
    ends.push_back(std::make_unique<inproc_collective>(shared, r));
  return ends;
}

void place_columns(const float* all, std::uint32_t ranks, std::uint32_t rows, std::uint32_t width,
                   float* out) {
  for (std::uint32_t k = 0; k < ranks; ++k)
    for (std::uint32_t r = 0; r < rows; ++r)
      std::copy_n(all + (std::size_t{k} * rows + r) * width, width,
                  out + (std::size_t{r} * ranks + k) * width);
}

}  // namespace troupe
