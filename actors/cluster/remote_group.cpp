#include "actors/cluster/remote_group.hpp"

#include <spdlog/spdlog.h>

#include <optional>
#include <utility>

#include "cluster/wire/cache_frames.hpp"
#include "runtime/wire/frames.hpp"
#include "runtime/wire/step_frames.hpp"

namespace troupe {
namespace {

/// Where a stand-in sends its frames.
struct far_end {
  std::shared_ptr<data_port> port;
  peer_id node = 0;
  std::uint32_t stage = 0;
};

attention_block_actor::behavior_type remote_stage(attention_block_actor::pointer,
                                                  const far_end& to) {
  return {
      [to](const step_message& m) {
        // A step that cannot be sent is computed again in the next epoch, which is on its way.
        (void)to.port->send(to.node, {frames::step, addressed(encode_step(*m.plan), to.stage), {}});
      },
      [](const expert_applied&) {},
      [](const table_changes&) {},
      [](const stage_rewiring&) {},
      [to](const masks_ready& m) {
        const step_plan& plan = *m.plan;
        (void)to.port->send(
            to.node, {frames::step_masks,
                      addressed(encode_step_masks({plan.epoch, plan.id, plan.masks}), to.stage),
                      {}});
      },
  };
}

struct remote_cache_state {
  remote_cache_state() = default;  // not an aggregate: CAF would initialise one from the actor
  static inline const char* name = "remote_cache";
  std::optional<std::pair<std::uint64_t, caf::typed_response_promise<cache_reply>>> asked;
};

remote_cache_actor::behavior_type remote_cache(
    remote_cache_actor::stateful_pointer<remote_cache_state> self, const far_end& to) {
  return {
      [self, to](const cache_request& request) -> caf::result<cache_reply> {
        auto promise = self->make_response_promise<cache_reply>();
        self->state.asked.emplace(request.number, promise);
        (void)to.port->send(
            to.node,
            {frames::cache_request, addressed(encode_cache_request(request), to.stage), {}});
        return promise;
      },
      [](tables_atom, const std::vector<sequence_id>&) { return table_list{}; },
      [](watch_atom, const attention_block_actor&) {},
      [](look_atom) {},
      [self](const cache_reply& reply) {
        auto& asked = self->state.asked;
        if (!asked || asked->first != reply.number) return;
        asked->second.deliver(reply);
        asked.reset();
      },
  };
}

}  // namespace

remote_group::remote_group(caf::actor_system& system, const std::shared_ptr<data_port>& port,
                           const std::vector<stage>& stages) {
  for (const auto& s : stages) {
    const far_end to{port, s.node, s.layers.first};
    stage_actors_.push_back(system.spawn(remote_stage, to));
    caches_.emplace(s.layers.first, system.spawn(remote_cache, to));
  }
}

remote_group::~remote_group() {
  for (const auto& each : stage_actors_) caf::anon_send_exit(each, caf::exit_reason::user_shutdown);
  for (const auto& [first, each] : caches_)
    caf::anon_send_exit(each, caf::exit_reason::user_shutdown);
}

std::vector<cache_manager_actor> remote_group::caches() const {
  std::vector<cache_manager_actor> all;
  for (const auto& [first, each] : caches_) all.emplace_back(each);
  return all;
}

void remote_group::take_cache_reply(const incoming_frame& frame) const {
  const auto to = destination_of(frame.header);
  if (!to) return;
  const auto reply = decode_cache_reply(to->header);
  if (!reply) {
    spdlog::warn("a frame was dropped: {}", reply.error().message());
    return;
  }
  const auto known = caches_.find(to->stage);
  if (known != caches_.end()) caf::anon_send(known->second, *reply);
}

}  // namespace troupe
