#pragma once

#include <memory>

#include "runtime/transport/limits.hpp"
#include "runtime/transport/transport.hpp"

namespace troupe {

namespace inproc {
struct switchboard;
}

/// Joins transports of one process: frames go by reference, with the bounds and the rules of
/// connecting of every transport. The transports may outlive the hub.
class inproc_hub {
 public:
  explicit inproc_hub(const transport_limits& limits = {});
  ~inproc_hub();

  /// A transport for `self`; its thread starts with start(). already_exists if there is one.
  [[nodiscard]] result<std::unique_ptr<transport>> open(peer_id self);

 private:
  std::shared_ptr<inproc::switchboard> board_;
};

}  // namespace troupe
