#include "actors/cluster/worker_runtime.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <caf/all.hpp>
#include <caf/io/all.hpp>
#include <charconv>
#include <condition_variable>
#include <thread>
#include <utility>

#include "actors/cluster/member_process.hpp"
#include "actors/cluster/worker.hpp"
#include "actors/engine/memory_plan.hpp"
#include "runtime/device/cpu_device.hpp"
#include "runtime/wire/frames.hpp"
#include "version.hpp"

namespace troupe {
namespace {

constexpr auto answer_deadline = std::chrono::seconds(10);
constexpr auto drain_deadline = std::chrono::seconds(20);

/// Members go in reverse order.
class joined_worker final : public worker_runtime {
 public:
  explicit joined_worker(const worker_options& options)
      : device_(std::make_shared<cpu_device>(options.threads)),
        ended_(std::make_shared<std::atomic<end>>(end::none)),
        system_config_(options.actor_threads),
        system_(system_config_) {}
  ~joined_worker() override;

  [[nodiscard]] result<void> join(const worker_options& options, const progress& report);
  [[nodiscard]] end ended() const override { return ended_->load(); }
  [[nodiscard]] const std::string& name() const override { return hello_.name; }

 private:
  [[nodiscard]] result<node_welcome> ask(bool to_join);
  [[nodiscard]] result<void> open_model(const worker_options& options, const node_welcome& welcome,
                                        const progress& report);
  void listen();
  void beat(const std::stop_token& stop, peer_id supervisor, std::chrono::milliseconds every);

  std::shared_ptr<device> device_;
  std::shared_ptr<const model_files> files_;
  std::shared_ptr<std::atomic<end>> ended_;
  node_hello hello_;
  engine_config config_;
  cluster_system_config system_config_;
  caf::actor_system system_;
  join_desk_actor desk_;
  worker_actor worker_;
  std::shared_ptr<data_port> port_;
  std::shared_ptr<stage_doors> doors_;
  std::jthread heart_;
};

result<node_welcome> joined_worker::ask(bool to_join) {
  const auto with = [&](const auto&... words) {
    return ask_desk<node_welcome>(system_, desk_, answer_deadline, "the supervisor", words...);
  };
  return to_join ? with(join_atom::value, hello_, worker_) : with(hello_atom::value, hello_);
}

result<void> joined_worker::open_model(const worker_options& options, const node_welcome& welcome,
                                       const progress& report) {
  if (report) report("reading model", 0);
  const std::filesystem::path path =
      options.model.empty() ? std::filesystem::path(welcome.model_path) : options.model;
  auto files = model_files::open(path);
  if (!files) return fail(std::move(files.error()));
  files_ = std::move(*files);
  hello_.model = files_->identity();
  if (hello_.model != welcome.model_identity) {
    return fail(errc::invalid_argument,
                "{} is another model than the cluster serves (digest {:.12}, not {:.12})",
                path.string(), hello_.model, welcome.model_identity);
  }
  config_.threads = options.threads;
  config_.page_size = welcome.page_size;
  config_.kv = static_cast<kernels::kv_type>(welcome.kv_type);
  config_.step_rows = welcome.step_rows;
  config_.activations = static_cast<activation_mode>(welcome.activations);
  config_.prefix_cache = welcome.prefix_cache;
  config_.pack_weights = welcome.pack_weights;
  return {};
}

void joined_worker::listen() {
  const model_config& model = files_->config();
  doors_ = std::make_shared<stage_doors>(
      system_, port_, step_bounds{.rows = config_.step_rows, .vocab = model.vocab},
      std::size_t{config_.step_rows} * model.hidden * sizeof(float));
  // Weak: the port's thread may outlive the doors.
  const std::weak_ptr<stage_doors> doors = doors_;
  port_->route(frames::step, [doors](incoming_frame&& f) {
    if (const auto d = doors.lock()) d->take_step(std::move(f));
  });
  port_->route(frames::cache_request, [doors](incoming_frame&& f) {
    if (const auto d = doors.lock()) d->take_cache_request(std::move(f));
  });
  port_->route(frames::kv_gap, [doors](incoming_frame&& f) {
    if (const auto d = doors.lock()) d->take_gap(f);
  });
  for (const frame_kind kind : {frames::kv_record, frames::kv_snapshot}) {
    port_->route(kind, [doors](incoming_frame&& f) {
      if (const auto d = doors.lock()) d->take_log(f);
    });
  }
}

result<void> joined_worker::join(const worker_options& options, const progress& report) {
  auto port = open_data_port_towards(options.join);
  if (!port) return fail(port.error());
  port_ = std::move(*port);
  hello_.peer = port_->self();
  hello_.data_address = data_address_of(*port_);
  if (report) report("joining", 0);
  auto desk = find_desk(system_, options.join);
  if (!desk) return fail(desk.error());
  desk_ = std::move(*desk);
  hello_.version = std::string(version);
  hello_.host = host_name();
  hello_.pid = static_cast<std::uint64_t>(::getpid());
  hello_.name = options.name.empty() ? fmt::format("{}-{}", hello_.host, hello_.pid) : options.name;
  hello_.kernel_target = device_->kernels().target();
  hello_.threads = device_->width();
  hello_.memory_bytes = options.memory_bytes == 0 ? available_memory() : options.memory_bytes;
  auto welcome = ask(false);
  if (!welcome) return fail(welcome.error());
  if (auto opened = open_model(options, *welcome, report); !opened) return opened;
  listen();
  auto wiring = std::make_shared<worker_wiring>();
  wiring->node = {device_, files_, config_, 0, 0, nullptr};
  wiring->port = port_;
  wiring->doors = doors_;
  wiring->ended = ended_;
  worker_ = system_.spawn(worker, std::move(wiring));
  // Orders may come before the answer does: whatever they need is there.
  const auto head = std::make_shared<std::atomic<peer_id>>(0);
  port_->start([ended = ended_, head](peer_id peer, const error& why) {
    if (peer != head->load()) {
      spdlog::info("the connection to a node broke: {}", why.message());
      return;
    }
    // Cut off by the supervisor, or without it: what is here may be stale.
    auto none = end::none;
    (void)ended->compare_exchange_strong(none, end::lost);
  });
  welcome = ask(true);
  if (!welcome) return fail(welcome.error());
  const peer_introduction& supervisor = welcome->supervisor;
  head->store(supervisor.peer);
  if (auto up = port_->connect(address_of(supervisor)); !up) return up;
  heart_ = std::jthread(
      [this, to = supervisor.peer, every = std::chrono::milliseconds(welcome->heartbeat_ms)](
          const std::stop_token& stop) { beat(stop, to, every); });
  return {};
}

void joined_worker::beat(const std::stop_token& stop, peer_id supervisor,
                         std::chrono::milliseconds every) {
  std::mutex mutex;
  std::condition_variable_any wake;
  std::unique_lock lock(mutex);
  while (!stop.stop_requested()) {
    send_ping(*port_, supervisor);
    wake.wait_for(lock, stop, every, [] { return false; });
  }
}

joined_worker::~joined_worker() {
  heart_ = {};
  if (worker_) caf::anon_send_exit(worker_, caf::exit_reason::user_shutdown);
  worker_ = worker_actor();
  desk_ = join_desk_actor();
  await_actors(system_, drain_deadline);
}

}  // namespace

result<std::unique_ptr<worker_runtime>> worker_runtime::start(const worker_options& options,
                                                              const progress& report) {
  try {
    auto worker = std::make_unique<joined_worker>(options);
    if (auto up = worker->join(options, report); !up) return fail(std::move(up.error()));
    return worker;
  } catch (const std::system_error& e) {
    return fail(errc::io_error, "cannot start the node: {}", e.what());
  }
}

}  // namespace troupe
