#include "actors/cluster/stage_doors.hpp"

#include <spdlog/spdlog.h>

#include <cstring>
#include <utility>

#include "cluster/wire/cache_frames.hpp"
#include "runtime/wire/frames.hpp"
#include "runtime/wire/kv_frames.hpp"

namespace troupe {
namespace {

/// Bound on a cache manager's answer; it only counts pages.
constexpr auto cache_deadline = std::chrono::seconds(10);

/// A cache request on its way to its manager, and where the answer goes.
struct question {
  cache_manager_actor cache;
  std::shared_ptr<data_port> port;
  peer_id from = 0;
  std::uint32_t stage = 0;
  cache_request request;
};

/// An actor that lives until the manager has answered.
void ask_and_send(caf::event_based_actor* self, const std::shared_ptr<const question>& q) {
  self->request(q->cache, cache_deadline, q->request)
      .then(
          [q](const cache_reply& reply) {
            (void)q->port->send(
                q->from, {frames::cache_reply, addressed(encode_cache_reply(reply), q->stage), {}});
          },
          [](const caf::error& e) {
            spdlog::error("a cache manager gave no answer: {}", caf::to_string(e));
          });
}

}  // namespace

void stage_doors::set(epoch_number epoch, std::map<std::uint32_t, hosted_stage::doors> doors) {
  masks_.begin(epoch);
  const std::lock_guard lock(mutex_);
  epoch_ = epoch;
  doors_ = std::move(doors);
}

std::optional<hosted_stage::doors> stage_doors::find(std::uint32_t stage, epoch_number epoch) {
  const std::lock_guard lock(mutex_);
  const auto known = doors_.find(stage);
  if (epoch != epoch_ || known == doors_.end()) return std::nullopt;
  return known->second;
}

void stage_doors::drop(const error& why) {
  ++dropped_;
  if (why.code() != errc::stale_epoch) spdlog::warn("a frame was dropped: {}", why.message());
}

hidden_rows stage_doors::borrow(device& dev) {
  const std::lock_guard lock(pool_mutex_);
  for (const hidden_rows& h : pool_)
    if (h.use_count() == 1) return h;
  pool_.push_back(std::make_shared<device_buffer>(dev.allocate(hidden_bytes_)));
  return pool_.back();
}

void stage_doors::take_step(incoming_frame&& frame) {
  const auto to = destination_of(frame.header);
  if (!to) return drop(to.error());
  auto plan = decode_step(to->header, bounds_);
  if (!plan) return drop(plan.error());
  const auto door = find(to->stage, (*plan)->epoch);
  if (!door || !door->block) return drop({errc::stale_epoch, ""});
  hidden_rows x;
  if (to->stage > 0) {
    const std::size_t bytes = std::size_t{(*plan)->rows()} * door->hidden * sizeof(float);
    if (frame.payload.size() != bytes || bytes > hidden_bytes_) {
      return drop({errc::corrupt, fmt::format("step {}: {} bytes of hidden rows, not {}",
                                              (*plan)->id, frame.payload.size(), bytes)});
    }
    x = borrow(*door->dev);
    std::memcpy(x->data(), frame.payload.data(), bytes);
    door->dev->written(x->data(), bytes);
  }
  if (const auto& masks = (*plan)->masks; masks != nullptr && !masks->published())
    masks_.expect((*plan)->epoch, (*plan)->id, masks);
  caf::anon_send(door->block, step_message{std::move(*plan), std::move(x), nullptr});
}

void stage_doors::take_masks(const incoming_frame& frame) {
  const auto to = destination_of(frame.header);
  if (!to) return drop(to.error());
  auto masks = decode_step_masks(to->header, bounds_);
  if (!masks) return drop(masks.error());
  masks_.take(masks->epoch, masks->step, std::move(masks->masks));
}

void stage_doors::take_cache_request(incoming_frame&& frame) {
  const auto to = destination_of(frame.header);
  if (!to) return drop(to.error());
  auto request = decode_cache_request(to->header);
  if (!request) return drop(request.error());
  const auto door = find(to->stage, request->epoch);
  if (!door || !door->cache) return drop({errc::stale_epoch, ""});
  system_.spawn(ask_and_send, std::make_shared<const question>(question{
                                  door->cache, port_, frame.from, to->stage, std::move(*request)}));
}

void stage_doors::take_gap(const incoming_frame& frame) {
  const auto to = destination_of(frame.header);
  if (!to) return drop(to.error());
  const auto epoch = epoch_of(to->header);
  if (!epoch) return drop(epoch.error());
  const auto door = find(to->stage, *epoch);
  if (!door || door->log == nullptr) return drop({errc::stale_epoch, ""});
  door->log->restart(frame.from);
}

void stage_doors::take_log(const incoming_frame& frame) {
  const auto hand_on = [&](const auto& header) {
    if (!header) return drop(header.error());
    const auto replica = replica_of(header->stage);
    if (replica == nullptr) return drop({errc::stale_epoch, ""});
    replica->take(frame.from, *header, frame.payload, std::chrono::steady_clock::now());
  };
  frame.kind == frames::kv_record ? hand_on(decode_kv_record(frame.header))
                                  : hand_on(decode_kv_snapshot(frame.header));
}

/// In whatever epoch: rows of one that ended are as true as before.
std::shared_ptr<replica_host> stage_doors::replica_of(std::uint32_t stage) {
  const std::lock_guard lock(mutex_);
  const auto known = doors_.find(stage);
  return known == doors_.end() ? nullptr : known->second.replica;
}

}  // namespace troupe
