#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "runtime/base/result.hpp"

namespace troupe::cli {

/// Brings nodes into being for a cluster, and takes away what is left of one once it has been
/// drained. One call at a time: begun by grow() or shrink(), it goes on until poll() tells its
/// outcome. Nothing here waits for a node. One thread.
class scale_provider {
 public:
  using time_point = std::chrono::steady_clock::time_point;

  scale_provider() = default;
  scale_provider(const scale_provider&) = delete;
  scale_provider& operator=(const scale_provider&) = delete;
  virtual ~scale_provider() = default;

  /// "processes" or "command".
  [[nodiscard]] virtual std::string means() const = 0;
  virtual void grow(std::uint32_t count, time_point now) = 0;
  /// `node` has left the cluster; it was on `host`.
  virtual void shrink(const std::string& node, const std::string& host, time_point now) = 0;
  /// How the call went that was begun last; told once. None: it is still under way.
  [[nodiscard]] virtual std::optional<result<void>> poll(time_point now) = 0;
  /// Whether that node is one that it can take away.
  [[nodiscard]] virtual bool removable(const std::string& node) const = 0;
};

}  // namespace troupe::cli
