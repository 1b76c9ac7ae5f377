#include "runtime/transport/nccl/nccl_collective.hpp"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <deque>
#include <mutex>
#include <optional>
#include <utility>

#include "runtime/device/cuda/handles.hpp"
#include "runtime/transport/nccl/nccl_library.hpp"

namespace troupe {
namespace {

using clock = collective::clock;

class nccl_collective final : public collective {
 public:
  nccl_collective(std::shared_ptr<const nccl_library> library, const nccl_group& group)
      : nccl_(std::move(library)), group_(group) {}
  ~nccl_collective() override {
    abort(error(errc::unavailable,
                fmt::format("rank {} of epoch {} has gone", group_.rank, group_.epoch)));
  }

  /// Begins to join the others.
  result<void> join() {
    if (auto on = cuda_check(cudaSetDevice(group_.device), "the device of a rank"); !on) return on;
    ncclConfig_t config = NCCL_CONFIG_INITIALIZER;
    config.blocking = 0;
    ncclUniqueId id;
    static_assert(sizeof id.internal == sizeof group_.id);
    std::memcpy(id.internal, group_.id.data(), sizeof id.internal);
    return said(nccl_->init_rank(&communicator_, static_cast<int>(group_.ranks), id,
                                 static_cast<int>(group_.rank), &config));
  }

  [[nodiscard]] std::uint32_t rank() const override { return group_.rank; }
  [[nodiscard]] std::uint32_t ranks() const override { return group_.ranks; }
  [[nodiscard]] std::uint64_t epoch() const override { return group_.epoch; }

  result<void> all_gather(const float* mine, float* all, std::size_t count,
                          clock::time_point deadline, done_fn done) override {
    return add({mine, all, count, false, deadline, std::move(done)});
  }
  result<void> all_reduce(float* data, std::size_t count, clock::time_point deadline,
                          done_fn done) override {
    return add({data, data, count, true, deadline, std::move(done)});
  }
  [[nodiscard]] bool placed() override {
    const std::scoped_lock guard(lock_);
    return std::all_of(open_.begin(), open_.end(),
                       [](const call& c) { return c.at == stage::marked; });
  }
  void progress(clock::time_point now) override;
  void abort(error why) override {
    std::unique_lock guard(lock_);
    end(guard, std::move(why));
  }
  [[nodiscard]] bool ended() const override { return over_.load(); }

 private:
  enum class stage : std::uint8_t { waiting, handed, marked };
  struct call {
    const float* in;
    float* out;
    std::size_t count;
    bool sums;
    clock::time_point deadline;
    done_fn done;
    std::optional<cuda_event> passed = {};
    stage at = stage::waiting;
  };

  result<void> add(call c) {
    const std::scoped_lock guard(lock_);
    if (ended_) return fail(*ended_);
    if (open_.size() >= most_open)
      return fail(errc::exhausted, "rank {} has {} collective calls open", group_.rank,
                  open_.size());
    auto event = cuda_event::make();
    if (!event) return fail(std::move(event.error()));
    c.passed = std::move(*event);
    open_.push_back(std::move(c));
    return {};
  }

  [[nodiscard]] result<void> said(ncclResult_t code) const {
    if (code == ncclSuccess || code == ncclInProgress) return {};
    return fail(errc::unavailable, "NCCL, rank {} of {}, epoch {}: {}", group_.rank, group_.ranks,
                group_.epoch, nccl_->words(code));
  }
  /// Whether the communicator has nothing under way; an error ends the group.
  result<bool> idle() {
    ncclResult_t state = ncclSuccess;
    if (auto asked = said(nccl_->async_error(communicator_, &state)); !asked)
      return fail(std::move(asked.error()));
    if (auto good = said(state); !good) return fail(std::move(good.error()));
    return state == ncclSuccess;
  }
  result<void> hand_over(call& c);
  result<void> advance(clock::time_point now, std::vector<done_fn>& done);
  void end(std::unique_lock<std::mutex>& guard, error why);

  std::shared_ptr<const nccl_library> nccl_;
  nccl_group group_;
  ncclComm_t communicator_ = nullptr;
  std::mutex lock_;
  std::deque<call> open_;
  bool joined_ = false;
  std::optional<error> ended_;
  std::atomic<bool> over_ = false;  ///< without the lock, which an abort holds for a while
};

result<void> nccl_collective::hand_over(call& c) {
  auto* const stream = static_cast<cudaStream_t>(group_.stream);
  if (c.at == stage::handed) {
    c.at = stage::marked;
    return c.passed->record(stream);
  }
  c.at = stage::handed;
  return said(
      c.sums ? nccl_->all_reduce(c.in, c.out, c.count, ncclFloat32, ncclSum, communicator_, stream)
             : nccl_->all_gather(c.in, c.out, c.count, ncclFloat32, communicator_, stream));
}

/// Hands one call to NCCL at a time, the next once that one lies on the stream; `done` are those
/// that the stream has passed.
result<void> nccl_collective::advance(clock::time_point now, std::vector<done_fn>& done) {
  if (auto on = cuda_check(cudaSetDevice(group_.device), "the device of a rank"); !on) return on;
  for (;;) {
    const auto quiet = idle();
    if (!quiet) return fail(quiet.error());
    if (!*quiet) break;
    joined_ = true;
    const auto next = std::find_if(open_.begin(), open_.end(),
                                   [](const call& c) { return c.at != stage::marked; });
    if (next == open_.end()) break;
    if (auto moved = hand_over(*next); !moved) return moved;
  }
  while (!open_.empty() && open_.front().at == stage::marked) {
    const auto passed = open_.front().passed->passed();
    if (!passed) return fail(passed.error());
    if (!*passed) break;
    done.push_back(std::move(open_.front().done));
    open_.pop_front();
  }
  if (!joined_ && group_.join_by <= now)
    return fail(errc::deadline_exceeded, "epoch {}: not all {} ranks joined in time", group_.epoch,
                group_.ranks);
  for (const call& c : open_)
    if (c.deadline <= now)
      return fail(errc::deadline_exceeded, "epoch {}: a collective call did not end in time",
                  group_.epoch);
  return {};
}

void nccl_collective::progress(clock::time_point now) {
  std::vector<done_fn> done;
  std::unique_lock guard(lock_);
  if (ended_) return;
  auto good = advance(now, done);
  if (!good) {
    end(guard, std::move(good.error()));
  } else {
    guard.unlock();
  }
  for (const done_fn& each : done) each({});
}

void nccl_collective::end(std::unique_lock<std::mutex>& guard, error why) {
  if (ended_) return;
  ended_ = std::move(why);
  over_.store(true);
  // Frees the communicator, and the kernels that wait for a dead rank return.
  if (communicator_ != nullptr) (void)nccl_->abort(std::exchange(communicator_, nullptr));
  const std::deque<call> open = std::exchange(open_, {});
  guard.unlock();
  for (const call& c : open) c.done(fail(*ended_));
}

}  // namespace

result<std::shared_ptr<const void>> keep_nccl() {
  auto library = nccl_library::load();
  if (!library) return fail(std::move(library.error()));
  return std::shared_ptr<const void>(std::move(*library));
}

result<nccl_group_id> make_nccl_group_id() {
  const auto library = nccl_library::load();
  if (!library) return fail(library.error());
  ncclUniqueId made;
  if (const ncclResult_t code = (*library)->get_unique_id(&made); code != ncclSuccess)
    return fail(errc::unavailable, "NCCL makes no group: {}", (*library)->words(code));
  nccl_group_id id{};
  std::memcpy(id.data(), made.internal, id.size());
  return id;
}

result<std::unique_ptr<collective>> join_nccl_group(const nccl_group& group) {
  auto library = nccl_library::load();
  if (!library) return fail(std::move(library.error()));
  auto made = std::make_unique<nccl_collective>(std::move(*library), group);
  if (auto joining = made->join(); !joining) return fail(std::move(joining.error()));
  return made;
}

}  // namespace troupe
