#pragma once

#include <memory>

#include "actors/engine/engine_board.hpp"
#include "actors/interfaces.hpp"
#include "runtime/sampling/structure_library.hpp"

namespace troupe {

/// A supervisor's state: one node, one serving group, one batcher (its child).
class supervisor_state {
 public:
  static inline const char* name = "supervisor";

  /// Asks `node` to place `plan` and gives the result to a new batcher.
  void start(supervisor_actor::pointer self, const node_actor& node, const placement& plan,
             std::shared_ptr<engine_board> board,
             const std::shared_ptr<structure_library>& structures);
  [[nodiscard]] batcher_actor route() const { return batcher_; }

 private:
  void on_down(const caf::down_msg& down);

  supervisor_actor::pointer self_ = nullptr;
  std::shared_ptr<engine_board> board_;
  node_actor node_;
  batcher_actor batcher_;
};

supervisor_actor::behavior_type supervisor(
    supervisor_actor::stateful_pointer<supervisor_state> self, const node_actor& node,
    const placement& plan, const std::shared_ptr<engine_board>& board,
    const std::shared_ptr<structure_library>& structures);

}  // namespace troupe
