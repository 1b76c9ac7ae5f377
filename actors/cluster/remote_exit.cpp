#include "actors/cluster/remote_exit.hpp"

#include <chrono>
#include <utility>

#include "cluster/wire/cache_frames.hpp"
#include "runtime/wire/frames.hpp"
#include "runtime/wire/step_frames.hpp"

namespace troupe {
namespace {

void send_failure(data_port& port, peer_id batcher, const failed_step& failure) {
  (void)port.send(batcher, {frames::step_failure, encode_step_failure(failure), {}});
}

}  // namespace

std::shared_ptr<remote_exit> remote_exit::to_stage(std::shared_ptr<data_port> port, peer_id peer,
                                                   std::uint32_t stage, std::uint32_t hidden) {
  std::shared_ptr<remote_exit> exit(new remote_exit(std::move(port)));
  exit->next_ = peer;
  exit->stage_ = stage;
  exit->hidden_ = hidden;
  return exit;
}

std::shared_ptr<remote_exit> remote_exit::to_batcher(std::shared_ptr<data_port> port, peer_id peer,
                                                     epoch_number epoch) {
  std::shared_ptr<remote_exit> exit(new remote_exit(std::move(port)));
  exit->report_to(peer, epoch);
  return exit;
}

void remote_exit::report_to(peer_id batcher, epoch_number epoch) {
  batcher_ = batcher;
  epoch_ = epoch;
}

void remote_exit::leave(device& dev, step_message m, std::shared_ptr<step_inputs> inputs) {
  if (hidden_ == 0) {
    dev.notify([&dev, port = port_, to = batcher_, inputs = std::move(inputs), m = std::move(m)] {
      if (auto why = dev.fault())
        return send_failure(*port, to, {m.plan->epoch, m.plan->id, std::move(*why)});
      step_result r = inputs->collect();
      if (m.started != nullptr)
        r.device_seconds =
            std::chrono::duration<double>(std::chrono::steady_clock::now() - *m.started).count();
      (void)port->send(to, {frames::step_result, encode_step_result(r), {}});
    });
    return;
  }
  // The header does not wait for the device.
  std::vector<std::byte> header = addressed(encode_step(*m.plan), stage_);
  const std::size_t bytes = std::size_t{m.plan->rows()} * hidden_ * sizeof(float);
  // All of the message is kept until then: the device notes the step's start in it.
  dev.notify([&dev, port = port_, to = next_, batcher = batcher_, header = std::move(header), bytes,
              inputs = std::move(inputs), m = std::move(m)]() mutable {
    if (auto why = dev.fault())
      return send_failure(*port, batcher, {m.plan->epoch, m.plan->id, std::move(*why)});
    const std::span<const std::byte> rows(m.x->data(), bytes);
    (void)port->send(to, {frames::step, std::move(header), {{rows, std::move(m.x)}}});
  });
}

void remote_exit::fail(const step_failure& failure) {
  send_failure(*port_, batcher_, {epoch_, failure.step, failure.why});
}

}  // namespace troupe
