#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "actors/engine/serving_runtime.hpp"
#include "runtime/api/answer_recall.hpp"
#include "runtime/base/result.hpp"
#include "runtime/config/data_plane.hpp"
#include "runtime/config/tls_files.hpp"

namespace troupe {

struct gateway_options {
  std::vector<std::string> join;  ///< "host:port" of supervisors, in the order in which to try them
  std::filesystem::path model;    ///< empty: the path that the cluster serves
  std::string name;               ///< what the cluster calls it
  std::string url;                ///< where clients find it
  std::uint32_t actor_threads = 2;
  std::chrono::milliseconds patience{60'000};  ///< of open requests, for a supervisor
  data_plane data;
  tls_files tls;
};

/// A gateway in this process: it has the model's tokenizer and template, and asks the batcher of
/// another process for answers. When that one is lost, open requests go to the next supervisor that
/// takes the gateway in, with what they have drawn; their listeners notice but a pause.
class gateway_runtime : public serving_runtime, public answer_recall {
 public:
  using progress = std::function<void(std::string_view stage, double done)>;

  /// Joins; unavailable: no supervisor answers; unsupported, invalid_argument: refused, with the
  /// supervisor's reason.
  [[nodiscard]] static result<std::unique_ptr<gateway_runtime>> start(
      const gateway_options& options, const progress& report = {});
};

}  // namespace troupe
