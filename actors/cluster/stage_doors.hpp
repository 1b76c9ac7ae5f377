#pragma once

#include <caf/all.hpp>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "actors/cluster/data_port.hpp"
#include "actors/cluster/hosted_stage.hpp"
#include "runtime/sampling/mask_desk.hpp"
#include "runtime/wire/step_frames.hpp"

namespace troupe {

/// Brings frames to the stages that this node holds, from the transport's thread. A frame of an
/// older epoch, or for a stage that is not here, is dropped and counted.
class stage_doors {
 public:
  stage_doors(caf::actor_system& system, std::shared_ptr<data_port> port, const step_bounds& bounds,
              std::size_t hidden_bytes)
      : system_(system), port_(std::move(port)), bounds_(bounds), hidden_bytes_(hidden_bytes) {}

  /// What is here from now on, by first layer.
  void set(epoch_number epoch, std::map<std::uint32_t, hosted_stage::doors> doors);

  void take_step(incoming_frame&& frame);
  void take_masks(const incoming_frame& frame);
  void take_cache_request(incoming_frame&& frame);
  void take_log(const incoming_frame& frame);
  void take_gap(const incoming_frame& frame);
  /// Nothing comes any more: nobody waits for it.
  void end() { masks_.end(); }

  [[nodiscard]] std::uint64_t dropped() const { return dropped_.load(); }

 private:
  [[nodiscard]] std::optional<hosted_stage::doors> find(std::uint32_t stage, epoch_number epoch);
  [[nodiscard]] std::shared_ptr<replica_host> replica_of(std::uint32_t stage);
  [[nodiscard]] hidden_rows borrow(device& dev);
  void drop(const error& why);

  caf::actor_system& system_;
  std::shared_ptr<data_port> port_;
  step_bounds bounds_;
  std::size_t hidden_bytes_;
  mask_desk masks_;
  std::mutex mutex_;
  epoch_number epoch_ = 0;
  std::map<std::uint32_t, hosted_stage::doors> doors_;
  std::mutex pool_mutex_;
  std::vector<hidden_rows> pool_;
  std::atomic<std::uint64_t> dropped_ = 0;
};

}  // namespace troupe
