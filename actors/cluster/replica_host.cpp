#include "actors/cluster/replica_host.hpp"

#include <spdlog/spdlog.h>

#include "cluster/wire/cache_frames.hpp"
#include "runtime/wire/frames.hpp"
#include "runtime/wire/kv_frames.hpp"

namespace troupe {
namespace {

/// Without a frame of a log that is not whole.
constexpr auto patience = std::chrono::milliseconds(150);

}  // namespace

replica_host::replica_host(std::shared_ptr<data_port> port, std::shared_ptr<const kv_store> kv,
                           std::uint32_t stage)
    : port_(std::move(port)), kv_(std::move(kv)), stage_(stage), replica_(*kv_, stage) {}

void replica_host::follow(peer_id primary, peer_id batcher, epoch_number epoch) {
  const std::lock_guard lock(mutex_);
  const bool same = primary == primary_;
  primary_ = primary;
  if (!same) heard_ = std::chrono::steady_clock::now();
  batcher_ = batcher;
  epoch_ = epoch;
  // Another primary begins a log of its own, and until that is whole there is nothing to tell.
  if (same && replica_.complete()) tell();
}

template <class Header>
void replica_host::take_in(peer_id from, const Header& header, std::span<const std::byte> payload) {
  const std::lock_guard lock(mutex_);
  if (ended_ || from != primary_) return;
  const auto done = replica_.apply(header, payload);
  heard_ = std::chrono::steady_clock::now();
  gap_ = !done;
  if (!done && done.error().code() != errc::unavailable)
    spdlog::warn("a replica refused what it got: {}", done.error().message());
  if (done && header.last && replica_.complete()) tell();
}

void replica_host::take(peer_id from, const kv_record& record, std::span<const std::byte> payload) {
  take_in(from, record, payload);
}

void replica_host::take(peer_id from, const kv_snapshot& piece,
                        std::span<const std::byte> payload) {
  take_in(from, piece, payload);
}

void replica_host::remind(std::chrono::steady_clock::time_point now) {
  const std::lock_guard lock(mutex_);
  if (ended_ || (replica_.complete() && !gap_) || now - heard_ < patience) return;
  heard_ = now;
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
