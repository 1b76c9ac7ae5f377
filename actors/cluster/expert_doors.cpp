#include "actors/cluster/expert_doors.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>

#include "runtime/wire/frames.hpp"

namespace troupe {

void expert_doors::set(epoch_number epoch, openings now) {
  const std::lock_guard lock(mutex_);
  epoch_ = epoch;
  open_ = std::move(now);
}

void expert_doors::drop(const error& why) {
  ++dropped_;
  if (why.code() != errc::stale_epoch) spdlog::warn("a frame was dropped: {}", why.message());
}

void expert_doors::take_rows(incoming_frame&& frame) {
  auto asked = decode_expert_rows(frame.header, bounds_);
  if (!asked) return drop(asked.error());
  const auto answer = [port = port_, to = frame.from](expert_reply&& r) {
    // One that cannot be sent is missed, and asked for again.
    (void)port->send(
        to, {frames::expert_outputs, encode_expert_outputs(r.header), std::move(r.payload)});
  };
  serving_shard_actor shard;
  {
    const std::lock_guard lock(mutex_);
    if (asked->epoch != epoch_) return drop({errc::stale_epoch, ""});
    const auto known = open_.shards.find(asked->shard);
    if (known != open_.shards.end()) shard = known->second;
  }
  if (!shard) return answer(refusal_of(*asked));
  caf::anon_send(shard,
                 expert_ask{std::move(*asked), frame.payload, std::move(frame.owner), answer});
}

void expert_doors::take_outputs(incoming_frame&& frame) {
  auto outputs = decode_expert_outputs(frame.header, bounds_);
  if (!outputs) return drop(outputs.error());
  asking_block_actor block;
  {
    const std::lock_guard lock(mutex_);
    const auto of_layer = std::ranges::find_if(open_.blocks, [&](const auto& b) {
      return b.first.first <= outputs->layer && outputs->layer < b.first.last;
    });
    if (of_layer != open_.blocks.end()) block = of_layer->second;
  }
  // Of whatever epoch: who asks knows which answers count, and that a late one shows life.
  if (!block) return drop({errc::stale_epoch, ""});
  caf::anon_send(
      block, expert_answer{frame.from, std::move(*outputs), frame.payload, std::move(frame.owner)});
}

void expert_doors::lose(peer_id peer) {
  const std::lock_guard lock(mutex_);
  for (const auto& [layers, block] : open_.blocks) caf::anon_send(block, node_lost{peer});
}

}  // namespace troupe
