#pragma once

#include "actors/stage_exit.hpp"

namespace troupe {

/// Within one process and on one device: the next block is told at once, as its work goes behind
/// this stage's; the batcher is told when the device has passed the step.
class local_exit final : public stage_exit {
 public:
  /// `next` is null at the last stage.
  local_exit(attention_block_actor next, batcher_actor batcher);

  [[nodiscard]] bool takes_memory_of(const device& dev) const override {
    return dev.has_own_memory();
  }
  void leave(device& dev, step_message m, std::shared_ptr<step_inputs> inputs) override;
  void fail(const step_failure& failure) override;

 private:
  attention_block_actor next_;
  batcher_actor batcher_;
};

}  // namespace troupe
