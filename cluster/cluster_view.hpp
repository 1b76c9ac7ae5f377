#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "runtime/engine/step.hpp"
#include "runtime/transport/transport.hpp"

namespace troupe {

/// What a supervisor knows of its cluster at one moment, for people and scripts.
struct cluster_view {
  /// Bytes that a node has had of the model's files from peers, of those that it lacked last.
  struct weights_got {
    std::uint64_t got = 0;
    std::uint64_t wanted = 0;
  };
  struct node {
    std::string name;
    peer_id peer = 0;
    std::string host;
    std::uint64_t pid = 0;
    std::string state;  ///< "joining", "up", "suspect", "draining", "gone"
    std::string kernel_target;
    std::uint32_t threads = 0;
    std::size_t memory_bytes = 0;
    std::vector<std::string> holds;    ///< "stage 0 (layers 0-7)", "replica of stage 1", ...
    std::uint64_t expert_outputs = 0;  ///< that its experts were asked for by stages elsewhere
    std::optional<weights_got> weights = {};  ///< none: it has the model's files
  };
  struct copy {
    std::string node;
    bool synced = false;  ///< holds every key and value that the stage needs to go on
  };
  struct stage {
    std::uint32_t first = 0;  ///< layers [first, last)
    std::uint32_t last = 0;
    std::string node;  ///< empty: none at the moment
    std::vector<copy> buddies;
  };
  struct event {
    double seconds_ago = 0;
    std::string text;
  };
  /// What autoscaling sees and does.
  struct scaling_state {
    std::string means;         ///< "processes" or "command"
    std::uint32_t least = 0;   ///< nodes
    std::uint32_t most = 0;    ///< nodes
    std::uint32_t wanted = 0;  ///< nodes, of which some may be on their way
    std::string doing;         ///< one line: what is done, or why nothing is
    double queued = 0;         ///< seconds that the oldest waiting request has waited
    double kv_use = 0;         ///< 0 to 1
    double tokens_per_second = 0;
    std::uint64_t added = 0;    ///< nodes asked for so far
    std::uint64_t removed = 0;  ///< nodes taken away so far
    std::uint64_t failures = 0;
  };
  epoch_number epoch = 0;
  bool serving = false;    ///< a placement is in force
  bool redundant = false;  ///< every copy that was asked for is there and synced
  std::uint32_t redundancy = 1;
  std::vector<node> nodes;
  std::vector<stage> stages;
  std::uint32_t expert_shards = 0;
  std::vector<event> events;             ///< oldest first
  std::optional<scaling_state> scaling;  ///< none: nodes come and go by hand
};

/// An epoch for people: "3", and "2.3" where supervisors follow one another: the third of term 2.
[[nodiscard]] inline std::string show_epoch(epoch_number epoch) {
  const std::string low = std::to_string(epoch & 0xffff'ffffU);
  const epoch_number term = epoch >> 32U;
  return term == 0 ? low : std::to_string(term) + "." + low;
}

}  // namespace troupe
