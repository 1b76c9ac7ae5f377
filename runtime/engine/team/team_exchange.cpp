#include "runtime/engine/team/team_exchange.hpp"

#include <algorithm>
#include <atomic>
#include <iterator>
#include <new>
#include <utility>

namespace troupe {

using kernels::status;

team_exchange::team_exchange(team_ranks ranks, team_link_maker make, team_link::ended_fn ended)
    : ranks_(std::move(ranks)), make_(std::move(make)), ended_(std::move(ended)) {
  auto made = make_(ranks_, 0, ended_);
  if (made)
    link_ = std::move(*made);
  else
    unmade_ = made.error();
}

team_exchange::~team_exchange() {
  {
    const std::lock_guard guard(lock_);
    link_.reset();
    former_.clear();
  }
  ranks_.clear();
}

device_buffer team_exchange::allocate(std::size_t bytes) {
  if (bytes == 0) return {};
  std::vector<device_buffer> copies;
  copies.reserve(ranks_.size());
  for (const auto& rank : ranks_) copies.push_back(rank->allocate(bytes));
  return memory_.adopt(std::move(copies));
}

void team_exchange::notify(std::function<void()> reached) {
  struct countdown {
    countdown(std::size_t ranks, std::function<void()> then)
        : left(ranks), reached(std::move(then)) {}
    std::atomic<std::size_t> left;
    std::function<void()> reached;
  };
  const auto shared = std::make_shared<countdown>(ranks_.size(), std::move(reached));
  for (const auto& rank : ranks_)
    rank->notify([shared] {
      if (shared->left.fetch_sub(1) > 1) return;
      shared->reached();
      // What it kept goes here, not with whichever rank lets go last.
      shared->reached = nullptr;
    });
}

void team_exchange::begin_epoch(std::uint64_t epoch) {
  const auto held = hold();
  std::vector<former> gone;  // without the lock: it takes its time
  {
    const std::lock_guard guard(lock_);
    if (epoch <= epoch_) return;
    epoch_ = epoch;
    const auto old =
        std::partition(former_.begin(), former_.end(), [](const former& f) { return !*f.passed; });
    gone.assign(std::make_move_iterator(old), std::make_move_iterator(former_.end()));
    former_.erase(old, former_.end());
  }
  gone.clear();
  auto made = make_(ranks_, epoch, ended_);
  const auto passed = std::make_shared<std::atomic<bool>>(false);
  {
    const std::lock_guard guard(lock_);
    if (link_ != nullptr) former_.push_back({std::move(link_), passed});
    if (made) {
      link_ = std::move(*made);
      unmade_.reset();
    } else {
      link_.reset();
      unmade_ = made.error();
    }
  }
  notify([passed] { passed->store(true); });
}

std::shared_ptr<team_link> team_exchange::link() const {
  const std::lock_guard guard(lock_);
  return link_;
}

std::optional<error> team_exchange::fault() const {
  // Under the lock, so that no stream's thread is the last to hold a group.
  const std::lock_guard guard(lock_);
  // Work of an epoch before may be what is passed just now.
  for (const former& f : former_)
    if (!*f.passed)
      if (auto why = f.link->ended()) return why;
  return link_ == nullptr ? unmade_ : link_->ended();
}

void team_exchange::abort(error why) {
  if (const std::shared_ptr<team_link> now = link()) now->abort(std::move(why));
}

status team_exchange::ready() const {
  const std::shared_ptr<team_link> now = link();
  return now == nullptr || now->ended() ? status::device_error : status::ok;
}

void team_exchange::refused(std::uint32_t rank) {
  const std::shared_ptr<team_link> now = link();
  if (now != nullptr)
    now->abort({errc::unavailable,
                fmt::format("rank {} of epoch {} refused an operation", rank, now->epoch())});
}

std::byte* team_exchange::scratch(std::size_t bytes, use which) {
  device_buffer& now = scratch_[static_cast<std::size_t>(which)];
  if (now.bytes() >= bytes) return now.data();
  try {
    device_buffer larger = allocate(std::max(bytes, 2 * now.bytes()));
    // Submitted work may still use the old one.
    notify([old = std::make_shared<device_buffer>(std::move(now))] {});
    now = std::move(larger);
    return now.data();
  } catch (const std::bad_alloc&) {
    return nullptr;
  }
}

status team_exchange::gather(const std::byte* mine, std::span<const std::size_t> own_strides,
                             std::byte* all, std::span<const column_span> columns,
                             std::uint32_t rows, std::byte* to, std::size_t to_stride) {
  const std::size_t room = rows * std::ranges::max(own_strides);
  std::vector<team_link::part> parts;
  parts.reserve(count());
  for (std::uint32_t r = 0; r < count(); ++r)
    parts.push_back({reinterpret_cast<const float*>(memory_.on(mine, r)),
                     reinterpret_cast<float*>(memory_.on(all, r))});
  const std::shared_ptr<team_link> now = link();
  const status gathered =
      now == nullptr ? status::device_error : now->gather(parts, room / sizeof(float));
  if (gathered != status::ok) return gathered;
  const bool everywhere = memory_.has(to);
  return each([&](std::uint32_t r, kernels::backend& k, kernels::stream& s) {
    if (r > 0 && !everywhere) return status::ok;
    for (std::uint32_t from = 0; from < count(); ++from) {
      const column_span& c = columns[from];
      if (c.bytes == 0) continue;
      const status done = k.copy(s, {memory_.on(to, r) + c.first, memory_.on(all, r) + from * room,
                                     c.bytes, rows, to_stride, own_strides[from]});
      if (done != status::ok) return done;
    }
    return status::ok;
  });
}

status team_exchange::complete(std::byte* data, std::size_t stride,
                               std::span<const column_span> columns, std::uint32_t rows) {
  if (rows == 0 || !memory_.has(data)) return status::ok;
  std::vector<std::size_t> strides;
  strides.reserve(columns.size());
  for (const column_span& c : columns) strides.push_back(c.bytes);
  const std::size_t room = rows * std::ranges::max(strides);
  std::byte* const mine = scratch(room * (1 + std::size_t{count()}));
  if (mine == nullptr) return status::device_error;
  const status packed = each([&](std::uint32_t r, kernels::backend& k, kernels::stream& s) {
    const column_span& c = columns[r];
    if (c.bytes == 0) return status::ok;
    return k.copy(
        s, {memory_.on(mine, r), memory_.on(data, r) + c.first, c.bytes, rows, c.bytes, stride});
  });
  if (packed != status::ok) return packed;
  return gather(mine, strides, mine + room, columns, rows, data, stride);
}

}  // namespace troupe
