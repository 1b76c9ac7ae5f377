#include "actors/cluster/replica_host.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>

#include "cluster/wire/cache_frames.hpp"
#include "runtime/wire/frames.hpp"
#include "runtime/wire/kv_frames.hpp"

namespace troupe {
namespace {

/// Without a frame that fits, of a log that is not whole.
constexpr std::chrono::milliseconds first_patience(150);
/// A primary in long steps begins a log only between them.
constexpr std::chrono::milliseconds most_patience(4800);

}  // namespace

replica_host::replica_host(std::shared_ptr<data_port> port, std::shared_ptr<const kv_store> kv,
                           std::uint32_t stage)
    : port_(std::move(port)),
      kv_(std::move(kv)),
      stage_(stage),
      replica_(*kv_, stage),
      patience_(first_patience) {}

void replica_host::follow(peer_id primary, peer_id batcher, epoch_number epoch, time_point now) {
  const std::lock_guard lock(mutex_);
  const bool same = primary == primary_;
  primary_ = primary;
  if (!same) {
    moved_ = now;
    patience_ = first_patience;
  }
  batcher_ = batcher;
  epoch_ = epoch;
  // Another primary begins a log of its own, and until that is whole there is nothing to tell.
  if (same && replica_.complete()) tell();
}

template <class Header>
void replica_host::take_in(peer_id from, const Header& header, std::span<const std::byte> payload,
                           time_point now) {
  const std::lock_guard lock(mutex_);
  if (ended_ || from != primary_) return;
  const std::uint64_t known = replica_.duplicates();
  const auto done = replica_.apply(header, payload);
  if (!done) {
    gap_ = true;
    if (done.error().code() != errc::unavailable)
      spdlog::warn("a replica refused what it got: {}", done.error().message());
    return;
  }
  // Nothing else is a sign of life: steps may come without end and never fit.
  if (replica_.duplicates() != known) return;
  moved_ = now;
  gap_ = false;
  if (!replica_.complete()) return;
  patience_ = first_patience;
  if (header.last) tell();
}

void replica_host::take(peer_id from, const kv_record& record, std::span<const std::byte> payload,
                        time_point now) {
  take_in(from, record, payload, now);
}

void replica_host::take(peer_id from, const kv_snapshot& piece, std::span<const std::byte> payload,
                        time_point now) {
  take_in(from, piece, payload, now);
}

void replica_host::remind(time_point now) {
  const std::lock_guard lock(mutex_);
  if (ended_ || (replica_.complete() && !gap_) || now - moved_ < patience_) return;
  moved_ = now;
  patience_ = std::min(patience_ * 2, most_patience);
  byte_writer header;
  put_preamble(header, epoch_);
  (void)port_->send(primary_, {frames::kv_gap, addressed(header.take(), stage_), {}});
}

void replica_host::tell() {
  (void)port_->send(batcher_, {frames::kv_durable,
                               encode_kv_durable({epoch_, replica_.applied().value_or(0), stage_}),
                               {}});
}

replica_host::heritage replica_host::end() {
  const std::lock_guard lock(mutex_);
  ended_ = true;
  heritage left;
  if (!replica_.complete()) return left;
  left.applied = replica_.applied();
  for (const auto& [id, pages] : replica_.tables()) left.tables.emplace_back(id, pages);
  left.written = replica_.written();
  return left;
}

}  // namespace troupe
