#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "actors/cluster/data_port.hpp"
#include "actors/interfaces.hpp"
#include "runtime/wire/expert_frames.hpp"

namespace troupe {

/// Brings rows for experts to who applies them on this node, and what experts elsewhere made of
/// rows to the stages that had sent them. Frames of another epoch are dropped and counted. Any
/// thread.
class expert_doors {
 public:
  expert_doors(std::shared_ptr<data_port> port, const expert_bounds& bounds)
      : port_(std::move(port)), bounds_(bounds) {}

  /// Who is here in an epoch.
  struct openings {
    std::map<std::uint32_t, serving_shard_actor> shards;  ///< by the route's number
    std::vector<std::pair<layer_range, asking_block_actor>> blocks;
  };
  void set(epoch_number epoch, openings now);

  void take_rows(incoming_frame&& frame);
  void take_outputs(incoming_frame&& frame);
  /// The connection to a peer broke.
  void lose(peer_id peer);

  [[nodiscard]] std::uint64_t dropped() const { return dropped_.load(); }

 private:
  void drop(const error& why);

  std::shared_ptr<data_port> port_;
  expert_bounds bounds_;
  std::mutex mutex_;
  epoch_number epoch_ = 0;
  openings open_;
  std::atomic<std::uint64_t> dropped_ = 0;
};

}  // namespace troupe
