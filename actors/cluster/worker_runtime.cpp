#include "actors/cluster/worker_runtime.hpp"
#include "actors/cluster/ask_desk.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <algorithm>
#include <caf/all.hpp>
#include <caf/io/all.hpp>
#include <charconv>
#include <condition_variable>
#include <thread>
#include <utility>

#include "actors/cluster/member_process.hpp"
#include "actors/cluster/node_model.hpp"
#include "actors/cluster/tls_check.hpp"
#include "actors/cluster/worker.hpp"
#include "actors/engine/memory_plan.hpp"
#include "runtime/engine/model_ranks.hpp"
#include "runtime/release/release.hpp"
#include "runtime/wire/frames.hpp"

namespace troupe {
namespace {

using clock = std::chrono::steady_clock;

constexpr auto answer_deadline = std::chrono::seconds(10);
constexpr auto drain_deadline = std::chrono::seconds(20);

/// When the supervisor was last heard. Any thread.
class heard_from {
 public:
  void set(peer_id peer) {
    peer_ = peer;
    heard();
  }
  [[nodiscard]] bool is(peer_id peer) const { return peer == peer_.load(); }
  void heard() { at_ = clock::now().time_since_epoch(); }
  [[nodiscard]] clock::duration silence() const {
    return clock::now().time_since_epoch() - at_.load();
  }

 private:
  std::atomic<peer_id> peer_ = 0;
  std::atomic<clock::duration> at_{};
};

/// Doors for experts, which are made when the port is open already. Any thread.
class late_doors {
 public:
  void set(const std::shared_ptr<expert_doors>& doors) {
    const std::lock_guard lock(mutex_);
    doors_ = doors;
  }
  void lose(peer_id peer) const {
    std::shared_ptr<expert_doors> there;
    {
      const std::lock_guard lock(mutex_);
      there = doors_.lock();
    }
    if (there) there->lose(peer);
  }

 private:
  mutable std::mutex mutex_;
  std::weak_ptr<expert_doors> doors_;  ///< the port's thread may outlive them
};

/// Members go in reverse order.
class joined_worker final : public worker_runtime {
 public:
  joined_worker(const worker_options& options, std::shared_ptr<node_store> store)
      : store_(std::move(store)),
        ended_(std::make_shared<std::atomic<end>>(end::none)),
        system_config_(options.actor_threads, options.tls),
        system_(system_config_) {}
  ~joined_worker() override;

  [[nodiscard]] result<void> join(const worker_options& options, const progress& report);
  [[nodiscard]] end ended() const override { return ended_->load(); }
  [[nodiscard]] result<void> leave() override;
  [[nodiscard]] bool retire() override;
  [[nodiscard]] const std::string& name() const override { return hello_.name; }

 private:
  /// The first supervisor that answers, and what it says.
  [[nodiscard]] result<node_welcome> find_supervisor(const worker_options& options);
  [[nodiscard]] result<node_welcome> ask(bool to_join);
  void introduce_self(const worker_options& options);
  [[nodiscard]] result<void> open_model(const worker_options& options, const node_welcome& welcome,
                                        const progress& report);
  void start_port();
  void listen();
  void beat(const std::stop_token& stop, peer_id supervisor, const node_welcome& times);

  std::shared_ptr<node_store> store_;
  std::shared_ptr<const model_files> files_;
  std::shared_ptr<std::atomic<end>> ended_;
  std::shared_ptr<heard_from> supervisor_ = std::make_shared<heard_from>();
  node_hello hello_;
  engine_config config_;
  cluster_system_config system_config_;
  caf::actor_system system_;
  join_desk_actor desk_;
  worker_actor worker_;
  std::shared_ptr<data_port> port_;
  std::shared_ptr<stage_doors> doors_;
  std::shared_ptr<expert_doors> expert_entries_;
  std::shared_ptr<late_doors> late_doors_ = std::make_shared<late_doors>();
  std::shared_ptr<weights_fetcher> weights_;
  std::unique_ptr<weights_server> given_;
  std::jthread heart_;
};

result<node_welcome> joined_worker::ask(bool to_join) {
  const auto with = [&](const auto&... words) {
    return ask_desk<node_welcome>(system_, desk_, answer_deadline, "the supervisor", words...);
  };
  return to_join ? with(join_atom::value, hello_, worker_) : with(hello_atom::value, hello_);
}

result<node_welcome> joined_worker::find_supervisor(const worker_options& options) {
  result<node_welcome> answer = fail(errc::invalid_argument, "no supervisor is named");
  // The one that was lost comes last.
  std::vector<std::string> addresses = options.join;
  std::stable_partition(addresses.begin(), addresses.end(),
                        [last = store_->last_found()](const std::string& a) { return a != last; });
  for (const std::string& address : addresses) {
    auto desk = find_desk(system_, address);
    if (!desk) {
      answer = fail(desk.error());
      continue;
    }
    auto port = open_data_port_towards(address, options.data, store_->dev());
    if (!port) return fail(port.error());
    port_ = std::move(*port);
    desk_ = std::move(*desk);
    introduce_self(options);
    answer = ask(false);
    if (answer) store_->found_at(address);
    if (answer || answer.error().code() != errc::unavailable) return answer;
  }
  return answer;
}

void joined_worker::introduce_self(const worker_options& options) {
  hello_.peer = port_->self();
  hello_.data_address = data_address_of(*port_);
  hello_.version = std::string(release::version);
  hello_.host = host_name();
  hello_.pid = static_cast<std::uint64_t>(::getpid());
  hello_.name = options.name.empty() ? fmt::format("{}-{}", hello_.host, hello_.pid) : options.name;
  hello_.kernel_target = store_->dev()->kernels().target();
  // Its part of what it shares, so that a node with processors of its own counts for more.
  hello_.threads = std::max(store_->dev()->width() / std::max(options.turns, 1U), 1U);
  hello_.experts_only = options.experts_only;
  hello_.memory_bytes = store_->memory_once(options.memory_bytes == 0
                                                ? room_on(*store_->dev(), options.tiers.host_bytes)
                                                : options.memory_bytes);
}

result<void> joined_worker::open_model(const worker_options& options, const node_welcome& welcome,
                                       const progress& report) {
  if (auto room = store_->room(); !room) return room;
  files_ = store_->files();
  if (files_ == nullptr || files_->identity() != welcome.model_identity) {
    auto files =
        find_model({system_, desk_, *port_, *weights_, *store_, hello_}, options, welcome, report);
    if (!files) return fail(std::move(files.error()));
    files_ = std::move(*files);
  }
  take_settings(config_, welcome);
  hello_.model = files_->identity();
  config_.threads = options.threads;
  config_.cache.tiers = options.tiers;
  store_->serve(files_, fmt::format("{} {} {} {} {} {}", welcome.page_size, welcome.kv_type,
                                    welcome.step_rows, welcome.activations, welcome.pack_weights,
                                    welcome.prefix_cache));
  const auto [held, pages] = store_->holdings();
  hello_.held.clear();
  for (const node_holdings::stage& h : held)
    hello_.held.push_back({h.layers.first, h.layers.last, h.led});
  hello_.held_pages = pages;
  return ranks_suit(*store_->dev(), *files_, config_.activations);
}

void joined_worker::listen() {
  const model_config& model = files_->config();
  doors_ = std::make_shared<stage_doors>(
      system_, port_, step_bounds{.rows = config_.step_rows, .vocab = model.vocab},
      std::size_t{config_.step_rows} * model.hidden * sizeof(float));
  expert_entries_ = std::make_shared<expert_doors>(
      port_, expert_bounds{.rows = config_.step_rows, .experts = std::max(model.experts, 1U)});
  late_doors_->set(expert_entries_);
  // Weak: the port's thread may outlive the doors.
  const std::weak_ptr<stage_doors> doors = doors_;
  const std::weak_ptr<expert_doors> experts = expert_entries_;
  port_->route(frames::expert_rows, [experts](incoming_frame&& f) {
    if (const auto e = experts.lock()) e->take_rows(std::move(f));
  });
  port_->route(frames::expert_outputs, [experts](incoming_frame&& f) {
    if (const auto e = experts.lock()) e->take_outputs(std::move(f));
  });
  port_->route(frames::step, [doors](incoming_frame&& f) {
    if (const auto d = doors.lock()) d->take_step(std::move(f));
  });
  port_->route(frames::step_masks, [doors](incoming_frame&& f) {
    if (const auto d = doors.lock()) d->take_masks(f);
  });
  port_->route(frames::cache_request, [doors](incoming_frame&& f) {
    if (const auto d = doors.lock()) d->take_cache_request(std::move(f));
  });
  port_->route(frames::kv_gap, [doors](incoming_frame&& f) {
    if (const auto d = doors.lock()) d->take_gap(f);
  });
  port_->route(frames::ping, [supervisor = supervisor_](incoming_frame&& f) {
    if (supervisor->is(f.from)) supervisor->heard();
  });
  for (const frame_kind kind : {frames::kv_record, frames::kv_snapshot}) {
    port_->route(kind, [doors](incoming_frame&& f) {
      if (const auto d = doors.lock()) d->take_log(f);
    });
  }
}

void joined_worker::start_port() {
  weights_ = std::make_shared<weights_fetcher>(port_);
  port_->start([ended = ended_, supervisor = supervisor_, lost = weights_->loss_handler(),
                experts = late_doors_](peer_id peer, const error& why) {
    lost(peer);
    if (!supervisor->is(peer)) {
      experts->lose(peer);
      spdlog::info("the connection to a node broke: {}", why.message());
      return;
    }
    // Cut off by the supervisor, or without it: what is here may be stale.
    auto none = end::none;
    (void)ended->compare_exchange_strong(none, end::lost);
  });
}

result<void> joined_worker::join(const worker_options& options, const progress& report) {
  if (report) report("joining", 0);
  auto welcome = find_supervisor(options);
  if (!welcome) return fail(welcome.error());
  if (auto understood = check(welcome->terms, release::protocols); !understood) return understood;
  start_port();
  if (auto opened = open_model(options, *welcome, report); !opened) return opened;
  listen();
  given_ = serve_weights(port_, *store_);
  auto wiring = std::make_shared<worker_wiring>();
  wiring->node = {store_->dev(), files_, config_, 0, 0, nullptr};
  wiring->port = port_;
  wiring->doors = doors_;
  wiring->expert_entries = expert_entries_;
  wiring->ended = ended_;
  wiring->store = store_;
  wiring->weights = weights_;
  if (welcome->terms.control >= weights_since)
    wiring->desk = caf::actor_cast<weights_desk_actor>(desk_);
  worker_ = system_.spawn(worker, std::move(wiring));
  // Orders may come before the answer does: whatever they need is there.
  welcome = ask(true);
  if (!welcome) return fail(welcome.error());
  supervisor_->set(welcome->supervisor.peer);
  if (auto up = port_->connect(address_of(welcome->supervisor)); !up) return up;
  heart_ = std::jthread([this, to = welcome->supervisor.peer, times = std::move(*welcome)](
                            const std::stop_token& stop) { beat(stop, to, times); });
  return {};
}

/// Says that this node lives, and notices that the supervisor does not. One that is frozen looks
/// alive to the connection.
void joined_worker::beat(const std::stop_token& stop, peer_id supervisor,
                         const node_welcome& times) {
  const std::chrono::milliseconds every(times.heartbeat_ms);
  const std::chrono::milliseconds gone_after(times.gone_after_ms);
  std::mutex mutex;
  std::condition_variable_any wake;
  std::unique_lock lock(mutex);
  auto last = clock::now();
  std::uint64_t reports = 0;
  while (!stop.stop_requested()) {
    send_ping(*port_, supervisor);
    send_traffic(*port_, supervisor, ++reports);
    wake.wait_for(lock, stop, every, [] { return false; });
    // Where this process was frozen itself, nobody else was silent.
    const auto now = clock::now();
    if (now - last > gone_after) supervisor_->heard();
    last = now;
    if (supervisor_->silence() <= gone_after) continue;
    spdlog::warn("the supervisor has been silent for too long");
    auto none = end::none;
    (void)ended_->compare_exchange_strong(none, end::lost);
    return;
  }
}

result<void> joined_worker::leave() {
  caf::scoped_actor self{system_};
  result<void> answer;
  self->request(desk_, answer_deadline, leave_atom::value, hello_.name)
      .receive(
          [&](const std::string& refusal) {
            if (!refusal.empty()) answer = fail(errc::exhausted, "{}", refusal);
          },
          [&](const caf::error& e) {
            answer =
                fail(errc::unavailable, "the supervisor gave no answer: {}", caf::to_string(e));
          });
  return answer;
}

bool joined_worker::retire() {
  heart_ = {};
  if (doors_) doors_->end();
  if (worker_) caf::anon_send_exit(worker_, caf::exit_reason::user_shutdown);
  worker_ = worker_actor();
  desk_ = join_desk_actor();
  const bool gone = await_actors(system_, drain_deadline);
  if (port_) port_->close();
  return gone;
}

joined_worker::~joined_worker() { (void)retire(); }

}  // namespace

result<std::unique_ptr<worker_runtime>> worker_runtime::start(const worker_options& options,
                                                              std::shared_ptr<node_store> store,
                                                              const progress& report) {
  if (auto usable = check(options.tls); !usable) return fail(usable.error());
  try {
    auto worker = std::make_unique<joined_worker>(options, std::move(store));
    if (auto up = worker->join(options, report); !up) return fail(std::move(up.error()));
    return worker;
  } catch (const std::system_error& e) {
    return fail(errc::io_error, "cannot start the node: {}", e.what());
  }
}

}  // namespace troupe
