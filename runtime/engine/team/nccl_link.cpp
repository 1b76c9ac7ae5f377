#include "runtime/engine/team/nccl_link.hpp"

#include <condition_variable>
#include <mutex>
#include <thread>
#include <utility>

#include "runtime/device/cuda/cuda_stream.hpp"
#include "runtime/transport/nccl/nccl_collective.hpp"

namespace troupe {
namespace {

using clock = collective::clock;
using kernels::status;

/// How often the watch lets time pass, and whoever submits.
constexpr auto watch_period = std::chrono::milliseconds(5);
constexpr auto submit_period = std::chrono::microseconds(20);

class nccl_link final : public team_link {
 public:
  nccl_link(std::uint64_t epoch, std::chrono::milliseconds deadline, ended_fn ended)
      : epoch_(epoch), deadline_(deadline), tell_(std::move(ended)) {}
  ~nccl_link() override {
    watch_.request_stop();
    if (watch_.joinable()) watch_.join();
    // The ends, which go next, free what their ranks still wait at: that is no fault of theirs.
    const std::lock_guard guard(lock_);
    if (!why_) why_ = error(errc::unavailable, fmt::format("epoch {} is over", epoch_));
  }

  /// Begins to join; the ranks find each other on the way.
  [[nodiscard]] result<void> join(const team_ranks& ranks, int first) {
    const auto id = make_nccl_group_id();
    if (!id) return fail(id.error());
    for (std::uint32_t r = 0; r < ranks.size(); ++r) {
      auto& stream = static_cast<cuda_stream&>(ranks[r]->stream());
      auto end =
          join_nccl_group({*id, r, static_cast<std::uint32_t>(ranks.size()), epoch_,
                           first + static_cast<int>(r), stream.get(), clock::now() + deadline_});
      if (!end) return fail(std::move(end.error()));
      ends_.push_back(std::move(*end));
    }
    watch_ = std::jthread([this](const std::stop_token& stop) { watch(stop); });
    return {};
  }

  [[nodiscard]] std::uint64_t epoch() const override { return epoch_; }
  status gather(std::span<const part> of_ranks, std::size_t count) override;
  [[nodiscard]] std::optional<error> ended() const override {
    {
      const std::lock_guard guard(lock_);
      if (why_) return why_;
    }
    // One that is about to say why.
    for (const auto& end : ends_)
      if (end->ended())
        return error(errc::unavailable,
                     fmt::format("the group of epoch {} ends at rank {}", epoch_, end->rank()));
    return std::nullopt;
  }
  void abort(error why) override {
    {
      const std::lock_guard guard(lock_);
      if (why_) return;
      why_ = why;
    }
    for (const auto& end : ends_) end->abort(why);
    if (tell_) tell_(why);
  }

 private:
  void progress() {
    for (const auto& end : ends_) end->progress(clock::now());
  }
  /// Lets time pass until `ready()`; false when the group ends first.
  template <class Ready>
  bool await(clock::time_point by, const Ready& ready) {
    while (!ready()) {
      if (ended()) return false;
      if (clock::now() >= by) {
        abort({errc::deadline_exceeded,
               fmt::format("epoch {}: a gathering did not get to the ranks' streams in time",
                           epoch_)});
        return false;
      }
      progress();
      std::this_thread::sleep_for(submit_period);
    }
    return !ended();
  }
  void watch(const std::stop_token& stop) {
    std::mutex sleeping;
    std::condition_variable_any woken;
    std::unique_lock guard(sleeping);
    while (!woken.wait_for(guard, stop, watch_period, [&] { return stop.stop_requested(); })) {
      progress();
      if (stop.stop_requested()) return;
    }
  }

  std::uint64_t epoch_;
  std::chrono::milliseconds deadline_;
  ended_fn tell_;
  mutable std::mutex lock_;
  std::optional<error> why_;
  std::vector<std::unique_ptr<collective>> ends_;
  std::jthread watch_;  // last: it ends before anything it uses
};

status nccl_link::gather(std::span<const part> of_ranks, std::size_t count) {
  const auto by = clock::now() + deadline_;
  const auto done = [this](const result<void>& end) {
    if (!end) abort(end.error());
  };
  for (std::uint32_t r = 0; r < ends_.size(); ++r) {
    const auto taken = [&] {
      const auto asked = ends_[r]->all_gather(of_ranks[r].mine, of_ranks[r].all, count, by, done);
      // As many as may be are open: the streams are behind.
      if (!asked && asked.error().code() != errc::exhausted) abort(asked.error());
      return asked.has_value();
    };
    if (!await(by, taken)) return status::device_error;
  }
  const auto placed = [&] {
    for (const auto& end : ends_)
      if (!end->placed()) return false;
    return true;
  };
  return await(by, placed) ? status::ok : status::device_error;
}

}  // namespace

result<team_link_maker> nccl_links(int first, std::chrono::milliseconds deadline) {
  // Now already: it sets the environment, and the ranks have threads.
  auto library = keep_nccl();
  if (!library) return fail(std::move(library.error()));
  return [library = std::move(*library), first, deadline](
             const team_ranks& ranks, std::uint64_t epoch,
             team_link::ended_fn ended) -> result<std::shared_ptr<team_link>> {
    auto made = std::make_shared<nccl_link>(epoch, deadline, std::move(ended));
    if (auto joining = made->join(ranks, first); !joining)
      return fail(joining.error().within(fmt::format("epoch {}", epoch)));
    return made;
  };
}

}  // namespace troupe
