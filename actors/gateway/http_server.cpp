#include "actors/gateway/http_server.hpp"

#include <fmt/format.h>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <future>
#include <thread>
#include <utility>

#include "actors/gateway/listener.hpp"
#include "actors/gateway/server_core.hpp"

namespace troupe {

namespace asio = boost::asio;

namespace {

/// Past the grace and the last words, connections are dropped wherever they stand.
constexpr std::chrono::milliseconds hard_stop{2'000};

/// Null where clients need no key, which is for this machine's own unless the settings say
/// otherwise.
result<std::unique_ptr<key_ring>> open_keys(const server_config& config,
                                            const std::shared_ptr<spdlog::logger>& log) {
  if (!config.keys.empty()) {
    key_ring_settings settings;
    settings.warn = [log](std::string_view line) { log->warn("{}", line); };
    auto ring = key_ring::open(config.keys, std::move(settings));
    if (ring || ring.error().code() != errc::not_found) return ring;
    return fail(errc::not_found, "{}; `troupe key create` makes one", ring.error().message());
  }
  const auto loopback = gateway::is_loopback(config.host);
  if (!loopback) return fail(loopback.error());
  if (*loopback || config.let_anyone_in) return nullptr;
  return fail(errc::invalid_argument,
              "host {} lets other machines in, and there are no keys: name a file of keys with "
              "--keys (see troupe key --help), or say --without-keys let-anyone-in",
              config.host);
}

/// Null where the settings name no certificate.
result<std::unique_ptr<gateway::tls_identity>> open_identity(
    const server_config& config, const std::shared_ptr<spdlog::logger>& log) {
  if (config.certificate.empty() && config.certificate_key.empty()) return nullptr;
  gateway::identity_settings settings;
  settings.report = [log](std::string_view line) { log->warn("TLS: {}", line); };
  return gateway::tls_identity::open({config.certificate, config.certificate_key},
                                     std::move(settings));
}

}  // namespace

/// Members go in reverse order: everything that has a timer or a socket before the io_context.
struct http_server::running {
  std::shared_ptr<asio::io_context> io = std::make_shared<asio::io_context>(1);
  asio::executor_work_guard<asio::io_context::executor_type> work = asio::make_work_guard(*io);
  std::shared_ptr<gateway::server_core> core;
  std::shared_ptr<gateway::listener> accepting;
  std::string origin;  ///< the address without its port
  bool listens = false;
  std::thread thread;
};

http_server::http_server(std::unique_ptr<running> r) : running_(std::move(r)) {}

result<std::unique_ptr<http_server>> http_server::start(const server_config& config,
                                                        std::shared_ptr<spdlog::logger> log,
                                                        server_backend backend) {
  auto keys = open_keys(config, log);
  if (!keys) return fail(std::move(keys.error()));
  std::shared_ptr<object_file> store;
  if (!config.store.file.empty()) {
    auto file = object_file::open(config.store.file);
    if (!file) return fail(std::move(file.error()));
    store = std::move(*file);
  }
  auto identity = open_identity(config, log);
  if (!identity) return fail(std::move(identity.error()));
  auto r = std::make_unique<running>();
  auto opened = gateway::listener::open(*r->io, config.host, config.port);
  if (!opened) return fail(std::move(opened.error()));
  r->accepting = std::move(*opened);
  const bool bare = config.host.find(':') == std::string::npos || config.host.starts_with('[');
  r->origin = fmt::format("http{}://{}", *identity ? "s" : "",
                          bare ? config.host : fmt::format("[{}]", config.host));
  r->core = std::make_shared<gateway::server_core>(config, std::move(log), r->io, std::move(*keys),
                                                   std::move(*identity), std::move(store));
  r->core->set_backend(std::move(backend));
  r->thread = std::thread([io = r->io.get()] { io->run(); });
  std::unique_ptr<http_server> made(new http_server(std::move(r)));
  if (config.listens_at_once)
    if (auto up = made->listen(); !up) return fail(std::move(up.error()));
  return made;
}

http_server::~http_server() { stop(std::chrono::milliseconds(0)); }

void http_server::set_model(server_backend backend) {
  asio::post(*running_->io, [core = running_->core, backend = std::move(backend)]() mutable {
    core->set_backend(std::move(backend));
  });
}

result<void> http_server::listen() {
  if (running_->listens) return {};
  if (auto up = running_->accepting->listen(); !up) return up;
  running_->listens = true;
  asio::post(*running_->io, [accepting = running_->accepting.get(), core = running_->core.get()] {
    accepting->start([core](asio::ip::tcp::socket socket) { core->add(std::move(socket)); });
  });
  return {};
}

void http_server::give_notice() {
  asio::post(*running_->io, [core = running_->core] { core->give_notice(); });
}

std::uint16_t http_server::port() const { return running_->accepting->port(); }

std::string http_server::url() const { return fmt::format("{}:{}", running_->origin, port()); }

void http_server::stop(std::chrono::milliseconds grace) {
  if (!running_->thread.joinable()) return;
  const auto emptied = std::make_shared<std::promise<void>>();
  asio::post(*running_->io, [this, grace, emptied] {
    running_->accepting->close([core = running_->core, grace, emptied] {
      core->wind_up(grace, [emptied] { emptied->set_value(); });
    });
  });
  (void)emptied->get_future().wait_for(grace + hard_stop);
  running_->io->stop();
  running_->thread.join();
  running_->core->drop_all();
  running_->core->pool().finish();
  running_->core->stop_unattended();
  running_->core->long_pool().finish();
  running_->core->set_backend({});
}

}  // namespace troupe
