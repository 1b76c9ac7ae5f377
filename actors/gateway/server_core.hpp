#pragma once

#include <spdlog/logger.h>

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <unordered_set>

#include "actors/gateway/batch_runner.hpp"
#include "actors/gateway/byte_budget.hpp"
#include "actors/gateway/connection.hpp"
#include "actors/gateway/door.hpp"
#include "actors/gateway/response_desk.hpp"
#include "actors/gateway/server_backend.hpp"
#include "actors/gateway/server_config.hpp"
#include "actors/gateway/server_metrics.hpp"
#include "actors/gateway/tls_identity.hpp"
#include "actors/gateway/work_pool.hpp"

namespace troupe::gateway {

/// What every connection shares: configuration, model, metrics, the pool, and the connections
/// themselves. Io thread only, except for what the members' own types allow.
class server_core : public std::enable_shared_from_this<server_core> {
 public:
  server_core(server_config config, std::shared_ptr<spdlog::logger> log,
              const std::shared_ptr<boost::asio::io_context>& io, std::unique_ptr<key_ring> keys,
              std::unique_ptr<tls_identity> identity, std::shared_ptr<object_file> store);

  [[nodiscard]] const server_config& config() const { return config_; }
  [[nodiscard]] const http_limits& limits() const { return config_.limits; }
  [[nodiscard]] spdlog::logger& log() const { return *log_; }
  /// Shared because generation threads still report to it when the server is gone.
  [[nodiscard]] const std::shared_ptr<server_metrics>& metrics() const { return metrics_; }
  [[nodiscard]] const std::shared_ptr<byte_budget>& bodies() const { return bodies_; }
  [[nodiscard]] work_pool& pool() { return pool_; }
  [[nodiscard]] work_pool& long_pool() { return long_pool_; }
  /// For work on a body of so many bytes. Long ones have threads of their own: whoever asks little
  /// never waits until a book has been tokenized.
  [[nodiscard]] work_pool& pool_for(std::size_t body) {
    return body < long_body ? pool_ : long_pool_;
  }
  /// Weak: what posts to it from other threads may outlive the server.
  [[nodiscard]] const std::weak_ptr<boost::asio::io_context>& io() const { return io_; }

  [[nodiscard]] const door& entrance() const { return entrance_; }
  [[nodiscard]] const server_backend& backend() const { return backend_; }
  /// With a service and a model, what the store has left undone goes on.
  void set_backend(server_backend backend);
  /// What clients may come back for; null: nothing is kept, or there is no model yet.
  [[nodiscard]] const std::shared_ptr<response_desk>& desk() const { return desk_; }
  [[nodiscard]] const std::shared_ptr<batch_runner>& batches() const { return batches_; }
  [[nodiscard]] const std::shared_ptr<object_file>& store() const { return store_; }
  /// Ends what no connection waits for. Before the backend goes.
  void stop_unattended();

  /// Takes an accepted socket; turns it away where there are too many.
  void add(boost::asio::ip::tcp::socket socket);
  void remove(const std::shared_ptr<connection>& closed);

  /// From now on each answer is the last one of its connection, and /health says so.
  void give_notice() { leaves_ = true; }
  [[nodiscard]] bool leaves() const { return leaves_; }
  /// Lets every connection finish within `grace`, then ends answers with an error; calls `emptied`
  /// when none is left.
  void wind_up(std::chrono::milliseconds grace, std::function<void()> emptied);
  /// Closes whatever is left, cancelling what is under way.
  void drop_all();

 private:
  static constexpr std::size_t long_body = std::size_t{128} << 10U;

  void end_all();

  server_config config_;
  std::shared_ptr<spdlog::logger> log_;
  std::weak_ptr<boost::asio::io_context> io_;
  std::shared_ptr<server_metrics> metrics_;
  std::shared_ptr<byte_budget> bodies_;
  door entrance_;
  const std::unique_ptr<tls_identity> identity_;  ///< null: HTTP without TLS
  work_pool pool_;
  work_pool long_pool_;
  std::shared_ptr<object_file> store_;  ///< null: nothing is kept
  std::shared_ptr<response_desk> desk_;
  std::shared_ptr<batch_runner> batches_;
  server_backend backend_;
  std::unordered_set<std::shared_ptr<connection>> connections_;
  deadline grace_;
  std::function<void()> emptied_;
  bool leaves_ = false;
};

}  // namespace troupe::gateway
