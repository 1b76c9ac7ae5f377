#include "actors/cluster/gateway_runtime.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <caf/all.hpp>
#include <caf/io/all.hpp>
#include <condition_variable>
#include <map>
#include <thread>
#include <utility>

#include "actors/cluster/ask_desk.hpp"
#include "actors/cluster/control.hpp"
#include "actors/cluster/gateway_link.hpp"
#include "actors/cluster/join_address.hpp"
#include "actors/cluster/member_process.hpp"
#include "actors/cluster/tls_check.hpp"
#include "actors/engine/model_opening.hpp"
#include "runtime/keys/use_exchange.hpp"
#include "runtime/release/release.hpp"
#include "runtime/wire/frames.hpp"

namespace troupe {
namespace {

using clock = std::chrono::steady_clock;

constexpr auto answer_deadline = std::chrono::seconds(2);
constexpr auto first_deadline = std::chrono::seconds(10);
constexpr auto drain_deadline = std::chrono::seconds(20);
constexpr auto pause_between_tries = std::chrono::milliseconds(50);
/// Ids of this process's requests are above those that a supervisor's own process gives.
constexpr request_id ids_of_gateways = request_id{1} << 62U;

/// The connection to the supervisor there is, as threads see it.
struct contact_state {
  std::mutex mutex;
  std::condition_variable_any changed;
  peer_id supervisor = 0;  ///< 0: none
  bool broken = false;
  clock::time_point heard;
};

/// Members go in reverse order.
class joined_gateway final : public gateway_runtime {
 public:
  explicit joined_gateway(const gateway_options& options)
      : options_(options),
        system_config_(options.actor_threads, options.tls),
        system_(system_config_) {}
  ~joined_gateway() override;

  [[nodiscard]] result<void> join(const progress& report);

  result<request_id> submit(generation_request request,
                            std::shared_ptr<generation_listener> listener) override;
  void cancel(request_id id) override;
  void recall(const std::string& id, found then) override;
  void listen(request_id id, std::shared_ptr<generation_listener> listener) override;
  [[nodiscard]] engine_stats stats() const override;
  [[nodiscard]] const std::shared_ptr<const served_model>& model() const override { return model_; }
  [[nodiscard]] const engine_description& description() const override { return description_; }
  [[nodiscard]] bool healthy() const override;
  [[nodiscard]] std::shared_ptr<use_exchange> exchange() const override { return exchange_; }

 private:
  [[nodiscard]] result<gateway_welcome> ask(const std::string& address, bool to_join);
  [[nodiscard]] result<gateway_welcome> ask_any();
  [[nodiscard]] result<void> open(const gateway_welcome& welcome, const progress& report);
  void hear_supervisor();
  /// Keeps a supervisor at hand until it is stopped.
  void keep_contact(const std::stop_token& stop);
  [[nodiscard]] result<gateway_welcome> link(const std::string& address);
  /// Until the supervisor is gone.
  void stay(const std::stop_token& stop, const gateway_welcome& welcome);

  gateway_options options_;
  gateway_hello hello_;
  std::shared_ptr<const served_model> model_;
  engine_description description_;
  std::shared_ptr<use_exchange> exchange_ = std::make_shared<use_exchange>();
  std::shared_ptr<contact_state> contact_ = std::make_shared<contact_state>();
  cluster_system_config system_config_;
  caf::actor_system system_;
  std::map<std::string, join_desk_actor> desks_;  ///< by address; one thread at a time
  std::shared_ptr<listener_table> requests_;
  gateway_link_actor link_;
  std::shared_ptr<data_port> port_;
  std::jthread keeper_;
};

result<gateway_welcome> joined_gateway::ask(const std::string& address, bool to_join) {
  join_desk_actor& desk = desks_[address];
  if (!desk) {
    auto there = find_desk(system_, address);
    if (!there) return fail(there.error());
    desk = std::move(*there);
  }
  const auto with = [&](const auto& word) {
    return ask_desk<gateway_welcome>(system_, desk, answer_deadline, "the supervisor at " + address,
                                     word, hello_);
  };
  auto answer = to_join ? with(join_atom::value) : with(hello_atom::value);
  if (!answer) desk = join_desk_actor();  // another may be there by now
  return answer;
}

result<gateway_welcome> joined_gateway::ask_any() {
  result<gateway_welcome> answer = fail(errc::invalid_argument, "no supervisor is named");
  for (const std::string& address : options_.join)
    if (answer = ask(address, false); answer) return answer;
  return answer;
}

result<void> joined_gateway::open(const gateway_welcome& welcome, const progress& report) {
  const auto path =
      options_.model.empty() ? std::filesystem::path(welcome.model_path) : options_.model;
  auto opened = open_model(path, report);
  if (!opened) return fail(std::move(opened.error()));
  auto model = std::make_shared<served_model>(std::move(opened->model));
  hello_.model = model->files->identity();
  if (hello_.model != welcome.model_identity) {
    return fail(errc::invalid_argument,
                "{} is another model than the cluster serves (digest {:.12}, not {:.12})",
                path.string(), hello_.model, welcome.model_identity);
  }
  model->context = welcome.context;
  model_ = std::move(model);
  requests_ = std::make_shared<listener_table>(welcome.max_open, listener_table::memory::requests,
                                               ids_of_gateways | draw_peer_id() >> 3U);
  return {};
}

void joined_gateway::hear_supervisor() {
  const answer_bounds bounds{.positions = model_->context, .vocab = model_->files->config().vocab};
  port_->route(frames::news, [link = link_, bounds](incoming_frame&& frame) {
    auto news = decode_news(frame.header, bounds);
    if (news) caf::anon_send(link, arrived_news{frame.from, std::move(*news)});
  });
  port_->route(frames::recalled, [link = link_, bounds](incoming_frame&& frame) {
    auto answer = decode_recalled(frame.header, frame.payload, bounds);
    if (answer) caf::anon_send(link, arrived_recall{frame.from, std::move(*answer)});
  });
  port_->route(frames::key_use, [link = link_](incoming_frame&& frame) {
    auto news = decode_key_news(frame.header);
    if (news) caf::anon_send(link, arrived_key_use{frame.from, std::move(*news)});
  });
  port_->route(frames::ping, [contact = contact_](incoming_frame&& frame) {
    const std::lock_guard lock(contact->mutex);
    if (frame.from == contact->supervisor) contact->heard = clock::now();
  });
  port_->start([contact = contact_](peer_id peer, const error&) {
    const std::lock_guard lock(contact->mutex);
    if (peer != contact->supervisor) return;
    contact->broken = true;
    contact->changed.notify_all();
  });
}

result<void> joined_gateway::join(const progress& report) {
  for (const std::string& address : options_.join)
    if (const auto at = parse_join_address(address); !at) return fail(at.error());
  if (options_.join.empty()) return fail(errc::invalid_argument, "no supervisor is named");
  auto port = open_data_port_towards(options_.join.front(), options_.data);
  if (!port) return fail(port.error());
  port_ = std::move(*port);
  hello_.peer = port_->self();
  hello_.data_address = data_address_of(*port_);
  hello_.host = host_name();
  hello_.pid = static_cast<std::uint64_t>(::getpid());
  hello_.version = std::string(release::version);
  hello_.url = options_.url;
  hello_.name =
      options_.name.empty() ? fmt::format("gateway-{}-{}", hello_.host, hello_.pid) : options_.name;
  if (report) report("joining", 0);
  const auto welcome = ask_any();
  if (!welcome) return fail(welcome.error());
  if (auto opened = open(*welcome, report); !opened) return opened;
  link_ = system_.spawn(gateway_link, port_, requests_, exchange_, options_.patience);
  hear_supervisor();
  keeper_ = std::jthread([this](const std::stop_token& stop) { keep_contact(stop); });
  std::unique_lock lock(contact_->mutex);
  if (!contact_->changed.wait_for(lock, first_deadline, [&] { return contact_->supervisor != 0; }))
    return fail(errc::unavailable, "no supervisor takes this gateway in");
  return {};
}

result<gateway_welcome> joined_gateway::link(const std::string& address) {
  auto welcome = ask(address, true);
  if (!welcome) return welcome;
  if (const auto understood = check(welcome->terms, release::protocols); !understood)
    return fail(understood.error());
  const peer_address supervisor = address_of(welcome->supervisor);
  {
    const std::lock_guard lock(contact_->mutex);
    contact_->supervisor = supervisor.peer;
    contact_->broken = false;
    contact_->heard = clock::now();
  }
  if (auto up = port_->connect_to({supervisor}); !up) {
    const std::lock_guard lock(contact_->mutex);
    contact_->supervisor = 0;
    return fail(up.error());
  }
  caf::anon_send(link_, gateway_linked{supervisor.peer});
  contact_->changed.notify_all();
  return welcome;
}

void joined_gateway::keep_contact(const std::stop_token& stop) {
  std::string said;
  while (!stop.stop_requested()) {
    for (const std::string& address : options_.join) {
      if (stop.stop_requested()) return;
      const auto welcome = link(address);
      if (!welcome) {
        if (welcome.error().message() != said) spdlog::warn("{}", welcome.error().message());
        said = welcome.error().message();
        continue;
      }
      said.clear();
      spdlog::info("{} serves for the supervisor at {}", hello_.name, address);
      stay(stop, *welcome);
      desks_.erase(address);
    }
    std::unique_lock lock(contact_->mutex);
    contact_->changed.wait_for(lock, stop, pause_between_tries, [] { return false; });
  }
}

void joined_gateway::stay(const std::stop_token& stop, const gateway_welcome& welcome) {
  const std::chrono::milliseconds every(welcome.heartbeat_ms);
  const std::chrono::milliseconds gone_after(welcome.gone_after_ms);
  std::unique_lock lock(contact_->mutex);
  while (!stop.stop_requested()) {
    const bool silent = clock::now() - contact_->heard > gone_after;
    if (contact_->broken || silent) {
      spdlog::warn("the supervisor is gone: {}",
                   silent ? "it has been silent for too long" : "its connection broke");
      break;
    }
    const peer_id to = contact_->supervisor;
    lock.unlock();
    send_ping(*port_, to);
    lock.lock();
    contact_->changed.wait_for(lock, stop, every, [this] { return contact_->broken; });
  }
  contact_->supervisor = 0;
  lock.unlock();
  caf::anon_send(link_, gateway_linked{0});
}

result<request_id> joined_gateway::submit(generation_request request,
                                          std::shared_ptr<generation_listener> listener) {
  const std::uint64_t positions = std::uint64_t{request.prompt.size()} + request.max_tokens;
  if (positions > model_->context) {
    return fail(errc::out_of_range,
                "{} prompt tokens and {} to draw are more than the context of {} tokens",
                request.prompt.size(), request.max_tokens, model_->context);
  }
  const auto id = requests_->add(std::move(listener),
                                 std::make_shared<const generation_request>(std::move(request)));
  if (!id) return fail(id.error());
  caf::anon_send(link_, request_waits{*id});
  return *id;
}

void joined_gateway::cancel(request_id id) {
  requests_->remove(id);
  caf::anon_send(link_, cancel_atom::value, id);
}

void joined_gateway::recall(const std::string& id, found then) {
  caf::anon_send(link_, recall_wanted{id, std::move(then)});
}

void joined_gateway::listen(request_id id, std::shared_ptr<generation_listener> listener) {
  caf::anon_send(link_, listener_arrived{id, std::move(listener)});
}

engine_stats joined_gateway::stats() const {
  engine_stats s;
  s.requests_running = requests_->size();
  return s;
}

bool joined_gateway::healthy() const {
  const std::lock_guard lock(contact_->mutex);
  return contact_->supervisor != 0;
}

joined_gateway::~joined_gateway() {
  keeper_ = {};
  if (requests_) requests_->close({errc::unavailable, "the gateway is shutting down"});
  if (port_) port_->close();
  if (link_) caf::anon_send_exit(link_, caf::exit_reason::user_shutdown);
  link_ = gateway_link_actor();
  desks_.clear();
  port_.reset();
  await_actors(system_, drain_deadline);
}

}  // namespace

result<std::unique_ptr<gateway_runtime>> gateway_runtime::start(const gateway_options& options,
                                                                const progress& report) {
  if (auto usable = check(options.tls); !usable) return fail(usable.error());
  auto gateway = std::make_unique<joined_gateway>(options);
  if (auto up = gateway->join(report); !up) return fail(std::move(up.error()));
  return gateway;
}

}  // namespace troupe
