#include "actors/engine/draft_group.hpp"

#include <chrono>
#include <string>
#include <utility>

#include "actors/drafter.hpp"
#include "actors/node.hpp"
#include "actors/supervisor.hpp"
#include "cluster/placement.hpp"

namespace troupe {
namespace {

constexpr auto route_deadline = std::chrono::minutes(1);

/// How the small model is run: whole, and remembering what it has read.
engine_config config_of(engine_config served) {
  served.stages = 1;
  served.expert_shards = 1;
  served.prefix_cache = true;
  served.speculation = {};
  served.cache = {};
  return served;
}

}  // namespace

result<std::unique_ptr<draft_group>> draft_group::start(caf::actor_system& system,
                                                        const std::shared_ptr<device>& dev,
                                                        const served_model& model,
                                                        const engine_config& of_served,
                                                        const memory_plan& memory) {
  const engine_config config = config_of(of_served);
  const auto plan = plan_placement(model.files->config(), 1, 1, 1);
  if (!plan) return fail(plan.error().within("draft model"));
  std::unique_ptr<draft_group> group(new draft_group);
  group->board_ = std::make_shared<engine_board>();
  auto resources = std::make_shared<node_resources>();
  resources->dev = dev;
  resources->files = model.files;
  resources->config = config;
  resources->kv_pages = memory.kv_pages;
  resources->context = memory.context;
  group->node_ = system.spawn(node, std::move(resources));
  group->supervisor_ = system.spawn(supervisor, group->node_, *plan, group->board_,
                                    std::shared_ptr<structure_library>());
  caf::scoped_actor self{system};
  batcher_actor batcher;
  std::string why;
  self->request(group->supervisor_, route_deadline, route_atom::value)
      .receive([&](const batcher_actor& b) { batcher = b; },
               [&](const caf::error& e) { why = caf::to_string(e); });
  if (!batcher) return fail(errc::internal, "the draft model has no batcher: {}", why);
  group->drafter_ = system.spawn(troupe::drafter, batcher, model.files->config().vocab);
  return group;
}

draft_group::~draft_group() {
  if (drafter_) caf::anon_send_exit(drafter_, caf::exit_reason::user_shutdown);
  if (supervisor_) caf::anon_send_exit(supervisor_, caf::exit_reason::user_shutdown);
  if (node_) caf::anon_send_exit(node_, caf::exit_reason::user_shutdown);
}

}  // namespace troupe
