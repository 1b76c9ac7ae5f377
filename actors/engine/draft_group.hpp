#pragma once

#include <memory>

#include "actors/engine/engine_board.hpp"
#include "actors/engine/memory_plan.hpp"
#include "actors/interfaces.hpp"
#include "runtime/api/served_model.hpp"
#include "runtime/base/result.hpp"
#include "runtime/config/engine_config.hpp"
#include "runtime/device/device.hpp"

namespace troupe {

/// The actors of a small model that guesses tokens for the served one: a node and a batcher of its
/// own on the same device, and the drafter that others ask. None of them is needed: without them
/// tokens are drawn one at a time. Destroying it tells them to end.
class draft_group {
 public:
  /// Fails where the model cannot be placed. The actors may still be loading when it returns; until
  /// then they guess nothing.
  [[nodiscard]] static result<std::unique_ptr<draft_group>> start(
      caf::actor_system& system, const std::shared_ptr<device>& dev, const served_model& model,
      const engine_config& of_served, const memory_plan& memory);

  draft_group(const draft_group&) = delete;
  draft_group& operator=(const draft_group&) = delete;
  ~draft_group();

  [[nodiscard]] const drafter_actor& drafter() const { return drafter_; }

 private:
  draft_group() = default;

  std::shared_ptr<engine_board> board_;
  node_actor node_;
  supervisor_actor supervisor_;
  drafter_actor drafter_;
};

}  // namespace troupe
