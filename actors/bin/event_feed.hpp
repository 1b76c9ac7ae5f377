#pragma once

#include <string>
#include <vector>

#include "cluster/cluster_view.hpp"

namespace troupe::cli {

/// Tells a cluster's events one after the other, each once, however often its view is asked for.
class event_feed {
 public:
  /// Those that the views before did not have, oldest first. A view that shares none with the one
  /// before, as another leader's, is new in whole.
  [[nodiscard]] std::vector<cluster_view::event> news(const cluster_view& view);

 private:
  std::vector<std::string> seen_;
};

}  // namespace troupe::cli
