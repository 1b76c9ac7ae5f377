#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "runtime/base/result.hpp"

namespace troupe {

struct worker_options {
  std::string join;             ///< "host:port" of a supervisor
  std::filesystem::path model;  ///< empty: the path that the supervisor serves
  std::string name;             ///< empty: host name and process id
  std::uint32_t threads = 0;    ///< compute threads; 0: one a core
  std::uint32_t actor_threads = 2;
  std::size_t memory_bytes = 0;  ///< for weights and KV; 0: what is available
};

/// A node of a cluster in this process: device, transport, and whatever is placed on it.
class worker_runtime {
 public:
  enum class end : std::uint8_t {
    none,     ///< it serves
    drained,  ///< asked to leave, with nothing left on it
    fenced,   ///< the cluster goes on without it; it must come back as another node
    lost,     ///< its supervisor is gone
  };
  using progress = std::function<void(std::string_view stage, double done)>;

  worker_runtime() = default;
  worker_runtime(const worker_runtime&) = delete;
  worker_runtime& operator=(const worker_runtime&) = delete;
  virtual ~worker_runtime() = default;

  /// Joins the cluster; unavailable: nobody answers at the address; unsupported, invalid_argument,
  /// already_exists: refused, with the supervisor's reason.
  [[nodiscard]] static result<std::unique_ptr<worker_runtime>> start(const worker_options& options,
                                                                     const progress& report = {});

  /// Any thread.
  [[nodiscard]] virtual end ended() const = 0;
  [[nodiscard]] virtual const std::string& name() const = 0;
};

}  // namespace troupe
