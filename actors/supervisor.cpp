#include "actors/supervisor.hpp"

#include <spdlog/spdlog.h>

#include <chrono>
#include <utility>

#include "actors/batcher.hpp"

namespace troupe {
namespace {

/// Bound on a node's spawning of its actors; weights are mapped, not copied.
constexpr auto place_deadline = std::chrono::minutes(10);

}  // namespace

void supervisor_state::start(supervisor_actor::pointer self, const node_actor& node,
                             const placement& plan, std::shared_ptr<engine_board> board,
                             const std::shared_ptr<structure_library>& structures) {
  self_ = self;
  board_ = std::move(board);
  node_ = node;
  self_->set_down_handler([this](const caf::down_msg& down) { on_down(down); });
  batcher_ = self_->spawn<caf::monitored + caf::linked>(batcher, board_, structures);
  self_->monitor(node_);
  self_->request(node_, place_deadline, place_atom::value, plan, batcher_)
      .then([this](const serving_group& group) { self_->send(batcher_, group); },
            [this](const caf::error& e) {
              spdlog::error("the node could not place the model: {}", caf::to_string(e));
              self_->quit(e);
            });
}

void supervisor_state::on_down(const caf::down_msg& down) {
  board_->set_healthy(false);
  if (down.reason == caf::exit_reason::user_shutdown) return;
  spdlog::error("an actor that serves the model ended: {}", caf::to_string(down.reason));
  self_->quit(down.reason);
}

supervisor_actor::behavior_type supervisor(
    supervisor_actor::stateful_pointer<supervisor_state> self, const node_actor& node,
    const placement& plan, const std::shared_ptr<engine_board>& board,
    const std::shared_ptr<structure_library>& structures) {
  self->state.start(self, node, plan, board, structures);
  return {
      [self](route_atom) { return self->state.route(); },
  };
}

}  // namespace troupe
