#pragma once

#include <functional>
#include <memory>
#include <string>

#include "actors/gateway/fair_service.hpp"
#include "cluster/cluster_view.hpp"
#include "runtime/api/answer_account.hpp"
#include "runtime/api/answer_recall.hpp"
#include "runtime/api/generation.hpp"
#include "runtime/api/served_model.hpp"
#include "runtime/base/result.hpp"
#include "runtime/tracing/span.hpp"

namespace troupe {

class use_exchange;

/// The cluster behind a server. Whoever may ask for completions may look at it and drain nodes.
struct cluster_access {
  std::string join_address;  ///< "host:port" that nodes join
  /// For GET /cluster. Called on the server's io thread; must not block. Empty: there is no
  /// cluster.
  std::function<cluster_view()> view;
  /// For POST /cluster/drain: the name of a node. Called on a thread of the server's pool, where it
  /// may wait for an answer within a bounded time, but not for the drain's end.
  std::function<result<void>(const std::string&)> drain;
};

/// What the HTTP server answers with, once there is a model. A cluster may be there before.
struct server_backend {
  std::shared_ptr<generation_service> service;
  std::shared_ptr<const served_model> model;
  /// For /health: why the service cannot answer, if it cannot. Called on the server's io thread;
  /// must not block. Empty means always well.
  std::function<result<void>()> health;
  /// For /metrics where there is no service: what is drawn for gateways elsewhere. May be empty.
  std::function<engine_stats()> stats = {};
  cluster_access cluster = {};
  /// Finds streams that clients come back for; null: they end with their connections. Borrowed.
  answer_recall* recall = nullptr;
  accounting account = {};  ///< how requests are charged that come without a key
  /// The queue that `service` is, where it is one.
  std::shared_ptr<gateway::fair_service> queue = {};
  std::shared_ptr<span_sink> traces = {};  ///< takes what there is to say of answers; null: nobody
  /// Tells the cluster's other gateways what keys take here; null: there are none.
  std::shared_ptr<use_exchange> exchange = {};
  /// What draws, behind the queue; recalled answers are in no queue.
  std::shared_ptr<generation_service> engine = {};
};

}  // namespace troupe
