#pragma once

#include <functional>
#include <memory>

#include "runtime/api/generation.hpp"
#include "runtime/api/served_model.hpp"
#include "runtime/base/result.hpp"

namespace troupe {

/// What the HTTP server answers with, once there is a model.
struct server_backend {
  std::shared_ptr<generation_service> service;
  std::shared_ptr<const served_model> model;
  /// For /health: why the service cannot answer, if it cannot. Called on the server's io thread;
  /// must not block. Empty means always well.
  std::function<result<void>()> health;
};

}  // namespace troupe
