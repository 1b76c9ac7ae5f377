#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "actors/cluster/node_store.hpp"
#include "runtime/base/result.hpp"
#include "runtime/config/cache_config.hpp"
#include "runtime/config/data_plane.hpp"
#include "runtime/config/tls_files.hpp"

namespace troupe {

struct worker_options {
  std::vector<std::string> join;  ///< "host:port" of supervisors, in the order in which to try them
  std::filesystem::path model;    ///< empty: the path that the supervisor serves
  std::string name;               ///< empty: host name and process id
  std::uint32_t threads = 0;      ///< compute threads; 0: one a core
  std::uint32_t turns = 1;        ///< nodes that take turns on the same processors
  std::uint32_t actor_threads = 2;
  data_plane data;
  tls_files tls;
  std::size_t memory_bytes = 0;  ///< for weights and KV; 0: what is available
  bool experts_only = false;     ///< to hold expert shards and nothing of a stage
  tier_config tiers;             ///< behind the pages of the stages that it leads
  /// Where weights from peers are kept, if the model's files are not here; empty: none are got.
  std::filesystem::path weights_cache;
};

/// A node of a cluster in this process: device, transport, and whatever is placed on it.
class worker_runtime {
 public:
  enum class end : std::uint8_t {
    none,     ///< it serves
    drained,  ///< asked to leave, with nothing left on it
    lost,     ///< its supervisor is gone, or goes on without it
  };
  using progress = std::function<void(std::string_view stage, double done)>;

  worker_runtime() = default;
  worker_runtime(const worker_runtime&) = delete;
  worker_runtime& operator=(const worker_runtime&) = delete;
  virtual ~worker_runtime() = default;

  /// Joins the cluster with what is in the store. unavailable: nobody answers at the addresses;
  /// unsupported, invalid_argument, already_exists: refused, with the supervisor's reason.
  [[nodiscard]] static result<std::unique_ptr<worker_runtime>> start(
      const worker_options& options, std::shared_ptr<node_store> store,
      const progress& report = {});

  /// Any thread.
  [[nodiscard]] virtual end ended() const = 0;
  /// Asks the supervisor to move away what is here and to let this node go; ended() then says
  /// drained, in its time. Fails with what speaks against it; unavailable: no answer came.
  [[nodiscard]] virtual result<void> leave() = 0;
  /// Ends every actor, and leaves to the store what they were loaded with. False: some have not
  /// ended within a bounded time, so that nothing of this process can be used again.
  [[nodiscard]] virtual bool retire() = 0;
  [[nodiscard]] virtual const std::string& name() const = 0;
};

}  // namespace troupe
