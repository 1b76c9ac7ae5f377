#pragma once

#include <cstdint>
#include <memory>

#include "actors/cluster/data_port.hpp"
#include "actors/stage_exit.hpp"

namespace troupe {

/// Leads to a stage of another node, or with results to the batcher's process: as frames, sent when
/// the device has passed the step.
class remote_exit final : public stage_exit {
 public:
  /// Hidden rows go to the stage that begins at layer `stage`, on `peer`.
  static std::shared_ptr<remote_exit> to_stage(std::shared_ptr<data_port> port, peer_id peer,
                                               std::uint32_t stage, std::uint32_t hidden);
  static std::shared_ptr<remote_exit> to_batcher(std::shared_ptr<data_port> port, peer_id peer,
                                                 epoch_number epoch);

  [[nodiscard]] bool takes_memory_of(const device& dev) const override {
    return port_->reads_memory_of(dev);
  }
  void leave(device& dev, step_message m, std::shared_ptr<step_inputs> inputs) override;
  void fail(const step_failure& failure) override;

  /// Whose process has the batcher, and in which epoch: failures go there.
  void report_to(peer_id batcher, epoch_number epoch);

 private:
  explicit remote_exit(std::shared_ptr<data_port> port) : port_(std::move(port)) {}

  std::shared_ptr<data_port> port_;
  peer_id next_ = 0;
  std::uint32_t stage_ = 0;
  std::uint32_t hidden_ = 0;  ///< 0: the last stage
  peer_id batcher_ = 0;
  epoch_number epoch_ = 0;
};

}  // namespace troupe
