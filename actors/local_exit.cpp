#include "actors/local_exit.hpp"

#include <chrono>
#include <utility>

namespace troupe {

local_exit::local_exit(attention_block_actor next, batcher_actor batcher)
    : next_(std::move(next)), batcher_(std::move(batcher)) {}

void local_exit::leave(device& dev, step_message m, std::shared_ptr<step_inputs> inputs) {
  if (next_) {
    dev.notify([inputs = std::move(inputs)] {});
    caf::anon_send(next_, std::move(m));
    return;
  }
  // The closure keeps what the device still reads alive until the stream has passed it.
  dev.notify([&dev, inputs = std::move(inputs), m = std::move(m), batcher = batcher_] {
    if (auto why = dev.fault())
      return caf::anon_send(batcher, step_failure{m.plan->id, std::move(*why)});
    step_result r = inputs->collect();
    r.device_seconds =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - *m.started).count();
    caf::anon_send(batcher, std::move(r));
  });
}

void local_exit::fail(const step_failure& failure) { caf::anon_send(batcher_, failure); }

}  // namespace troupe
