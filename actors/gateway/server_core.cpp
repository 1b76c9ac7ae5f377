#include "actors/gateway/server_core.hpp"

#include <fmt/format.h>

#include <utility>
#include <vector>

namespace troupe::gateway {
namespace {

/// Beyond max_connections, so many more are told why they are turned away; the rest are dropped.
constexpr std::size_t turned_away_politely = 64;
/// For what remains to be sent when the time to finish is over.
constexpr std::chrono::milliseconds last_words{1'000};

api_error server_busy(std::size_t limit) {
  api_error e;
  e.status = 503;
  e.message = fmt::format("the server has {} connections, which is its limit; try again", limit);
  e.type = "server_error";
  e.code = "too_many_connections";
  e.retry_after_seconds = 1;
  return e;
}

api_error shutting_down() {
  api_error e;
  e.status = 503;
  e.message = "the server is shutting down";
  e.type = "server_error";
  e.code = "unavailable";
  e.retry_after_seconds = 5;
  return e;
}

}  // namespace

server_core::server_core(server_config config, std::shared_ptr<spdlog::logger> log,
                         const std::shared_ptr<boost::asio::io_context>& io,
                         std::unique_ptr<key_ring> keys, std::unique_ptr<tls_identity> identity,
                         std::shared_ptr<object_file> store)
    : config_(std::move(config)),
      log_(std::move(log)),
      io_(io),
      metrics_(std::make_shared<server_metrics>()),
      bodies_(std::make_shared<byte_budget>(config_.limits.bodies_bytes)),
      entrance_(std::move(keys)),
      identity_(std::move(identity)),
      pool_(config_.pool_threads, config_.limits.max_pool_jobs),
      long_pool_((config_.pool_threads + 1) / 2, config_.limits.max_pool_jobs),
      store_(std::move(store)),
      grace_(io->get_executor()) {
  for (const std::string& file : config_.certificates) metrics_->show_certificate(file);
}

void server_core::set_backend(server_backend backend) {
  backend_ = std::move(backend);
  if (backend_.exchange) entrance_.share(*backend_.exchange);
  if (!store_ || desk_ || !backend_.service || !backend_.model) return;
  const auto sessions = std::make_shared<const session_source>(backend_, config_, metrics_);
  // The door outlives both: they are stopped before the core goes.
  const auto recognise = [this](std::int64_t id) { return entrance_.recognise(id); };
  desk_ = std::make_shared<response_desk>(store_, config_.store, sessions);
  desk_->take_over(recognise);
  batches_ = std::make_shared<batch_runner>(store_, config_.store, sessions, recognise, log_);
  batches_->start();
}

void server_core::stop_unattended() {
  if (batches_) batches_->stop();
  if (desk_) desk_->stop();
}

void server_core::add(boost::asio::ip::tcp::socket socket) {
  const std::size_t limit = limits().max_connections;
  if (emptied_ || connections_.size() >= limit + turned_away_politely) return;
  const bool fits = connections_.size() < limit;
  auto client = std::make_shared<connection>(
      std::move(socket), identity_ ? identity_->current() : nullptr, shared_from_this());
  connections_.insert(client);
  metrics_->set_connections(connections_.size());
  client->start(fits ? std::nullopt : std::optional(server_busy(limit)));
}

void server_core::remove(const std::shared_ptr<connection>& closed) {
  connections_.erase(closed);
  metrics_->set_connections(connections_.size());
  if (connections_.empty() && emptied_) std::exchange(emptied_, nullptr)();
}

void server_core::wind_up(std::chrono::milliseconds grace, std::function<void()> emptied) {
  if (connections_.empty()) return emptied();
  emptied_ = std::move(emptied);
  grace_.arm(grace, [this] { end_all(); });
  const std::vector<std::shared_ptr<connection>> all(connections_.begin(), connections_.end());
  for (const auto& c : all) c->wind_up();
}

void server_core::drop_all() {
  const std::vector<std::shared_ptr<connection>> all(connections_.begin(), connections_.end());
  for (const auto& c : all) c->abort();
}

void server_core::end_all() {
  const std::vector<std::shared_ptr<connection>> all(connections_.begin(), connections_.end());
  for (const auto& c : all) c->give_up(shutting_down());
  grace_.arm(last_words, [this] { drop_all(); });
}

}  // namespace troupe::gateway
