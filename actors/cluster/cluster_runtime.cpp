#include "actors/cluster/cluster_runtime.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <caf/all.hpp>
#include <caf/io/all.hpp>
#include <thread>
#include <utility>

#include "actors/batcher.hpp"
#include "actors/cluster/cluster_supervisor.hpp"
#include "actors/cluster/member_process.hpp"
#include "actors/cluster/tls_check.hpp"
#include "actors/cluster/weights_server.hpp"
#include "actors/engine/host_time.hpp"
#include "actors/engine/model_opening.hpp"
#include "actors/engine/request_desk.hpp"
#include "kernels/cpu/backend.hpp"
#include "runtime/cache/kv_layout.hpp"
#include "runtime/release/release.hpp"
#include "runtime/wire/frames.hpp"
#include "runtime/wire/step_frames.hpp"

namespace troupe {
namespace {

constexpr auto drain_deadline = std::chrono::minutes(1);
constexpr auto answer_deadline = std::chrono::seconds(5);

/// Members go in reverse order: the data plane's thread first, as it sends to actors.
class cluster_head final : public cluster_runtime {
 public:
  cluster_head(std::shared_ptr<const served_model> model, const engine_config& config,
               const tls_files& tls)
      : model_(std::move(model)),
        desk_(std::size_t{config.max_waiting} + config.max_sequences),
        board_(std::make_shared<cluster_board>()),
        system_config_(config.actor_threads, tls),
        system_(system_config_) {}
  ~cluster_head() override;

  [[nodiscard]] result<void> launch(const head_options& options, bool integer_weights);

  result<request_id> submit(generation_request request,
                            std::shared_ptr<generation_listener> listener) override {
    return desk_.submit(std::move(request), std::move(listener));
  }
  void cancel(request_id id) override { desk_.cancel(id); }
  [[nodiscard]] engine_stats stats() const override;
  [[nodiscard]] const std::shared_ptr<const served_model>& model() const override { return model_; }
  [[nodiscard]] const engine_description& description() const override { return description_; }
  [[nodiscard]] bool healthy() const override { return board_->read().serving; }
  [[nodiscard]] std::string join_address() const override { return join_address_; }
  [[nodiscard]] std::shared_ptr<use_exchange> exchange() const override { return exchange_; }
  [[nodiscard]] result<void> await_serving(std::chrono::steady_clock::duration limit,
                                           const progress& report) override;
  [[nodiscard]] cluster_view view() const override { return board_->read(); }
  [[nodiscard]] std::map<peer_id, node_traffic> traffic() const override;
  [[nodiscard]] result<void> drain(const std::string& node) override;
  [[nodiscard]] std::optional<std::chrono::steady_clock::time_point> waiting_since()
      const override {
    return desk_.board()->waiting_since();
  }
  void note(const std::string& text) override {
    caf::anon_send(supervisor_, note_atom::value, text);
  }
  void show_scaling(cluster_view::scaling_state now) override {
    board_->set_scaling(std::move(now));
  }

 private:
  void listen_to_nodes();
  void listen_to_gateways(std::uint32_t context);
  void describe();

  std::shared_ptr<const served_model> model_;
  request_desk desk_;
  std::shared_ptr<cluster_board> board_;
  std::shared_ptr<use_exchange> exchange_ = std::make_shared<use_exchange>();
  std::string join_address_;
  std::uint32_t nodes_ = 0;
  engine_description description_;
  cluster_system_config system_config_;
  caf::actor_system system_;
  batcher_actor batcher_;
  answer_keeper_actor keeper_;
  cluster_supervisor_actor supervisor_;
  std::shared_ptr<data_port> port_;
  std::unique_ptr<weights_server> weights_;
};

result<void> cluster_head::launch(const head_options& options, bool integer_weights) {
  const engine_config& config = options.engine;
  const cluster_config& cluster = options.cluster;
  auto opened = open_data_port(cluster.host, cluster.data);
  if (!opened) return fail(opened.error());
  port_ = std::move(*opened);
  batcher_ = system_.spawn(batcher, desk_.board(), model_->structures);
  keeper_ = system_.spawn(answer_keeper, batcher_, port_, cluster.answers_kept);
  const auto kernels = kernels::cpu::make_cpu_backend();
  // What GPUs its nodes have is theirs to say: none is refused, and a mixture is reported.
  const bool on_cpu = config.device == "cpu";
  auto bundle = std::make_shared<lazy_bundle>(options.model);
  weights_ = std::make_unique<weights_server>(port_, [bundle] {
    const auto files = bundle->get();
    return files ? std::shared_ptr<const block_source>(*files) : nullptr;
  });
  auto wiring = std::make_shared<cluster_supervisor_wiring>();
  wiring->port = port_;
  wiring->batcher = batcher_;
  wiring->keeper = keeper_;
  wiring->board = board_;
  wiring->health = desk_.board();
  wiring->exchange = exchange_;
  wiring->identity = {std::string(release::version), model_->files->identity(),
                      on_cpu ? kernels->target() : std::string()};
  wiring->model_path = options.model.string();
  wiring->bundle = bundle;
  wiring->model = model_->files->config();
  const bool packs = config.pack_weights && config.activations != activation_mode::f32;
  wiring->sizes = sizes_of(*model_->files, [&](const kernels::matrix& w) -> std::size_t {
    if (!on_cpu) return w.bytes();
    return packs ? kernels->packed_bytes(w) : 0;
  });
  wiring->engine = config;
  wiring->cluster = cluster;
  wiring->nodes = options.nodes;
  wiring->first_epoch = options.first_epoch;
  nodes_ = options.nodes;
  supervisor_ = system_.spawn(cluster_supervisor, std::move(wiring));
  listen_to_gateways(config.context);
  listen_to_nodes();
  const auto port = open_desk(system_, join_desk_actor(supervisor_), cluster.host,
                              static_cast<std::uint16_t>(cluster.port));
  if (!port) return fail(port.error());
  join_address_ = fmt::format("{}:{}", cluster.host, *port);
  desk_.open(system_, batcher_, config.context);
  const model_config& about = model_->files->config();
  const kv_layout whole{about.layers, about.kv_heads, about.head_dim, config.page_size, config.kv};
  description_.target = on_cpu ? kernels->target() : config.device;
  description_.activations =
      integer_weights && config.activations != activation_mode::f32 ? "integer" : "f32";
  description_.kv_bytes_per_token = whole.position_bytes();
  return {};
}

void cluster_head::listen_to_nodes() {
  const step_bounds bounds{.vocab = model_->files->config().vocab};
  port_->route(frames::step_result, [batcher = batcher_, bounds](incoming_frame&& frame) {
    auto r = decode_step_result(frame.header, bounds);
    if (r) caf::anon_send(batcher, std::move(*r));
  });
  port_->route(frames::step_failure, [batcher = batcher_](incoming_frame&& frame) {
    auto f = decode_step_failure(frame.header);
    if (f) caf::anon_send(batcher, step_failure{f->step, std::move(f->why)});
  });
  port_->route(frames::kv_durable,
               [batcher = batcher_, supervisor = supervisor_](incoming_frame&& frame) {
                 const auto d = decode_kv_durable(frame.header);
                 if (!d) return;
                 caf::anon_send(batcher, *d);
                 caf::anon_send(supervisor, buddy_durable{frame.from, *d});
               });
  const load_bounds loads{.layers = model_->files->config().layers,
                          .experts = std::max(model_->files->config().experts, 1U)};
  port_->route(frames::expert_load, [supervisor = supervisor_, loads](incoming_frame&& frame) {
    auto report = decode_expert_load(frame.header, loads);
    if (report) caf::anon_send(supervisor, std::move(*report));
  });
  port_->route(frames::ping, [supervisor = supervisor_](incoming_frame&& frame) {
    caf::anon_send(supervisor, peer_heard{frame.from});
  });
  port_->route(frames::traffic, [board = board_](incoming_frame&& frame) {
    auto sent = decode_traffic(frame.header);
    if (sent) board->note_traffic(frame.from, std::move(*sent));
  });
  port_->start([supervisor = supervisor_](peer_id peer, const error& why) {
    caf::anon_send(supervisor, peer_lost{peer, why});
  });
}

void cluster_head::listen_to_gateways(std::uint32_t context) {
  const answer_bounds bounds{.positions = context, .vocab = model_->files->config().vocab};
  port_->route(frames::ask, [keeper = keeper_, bounds](incoming_frame&& frame) {
    auto ask = decode_ask(frame.header, frame.payload, bounds);
    if (ask) caf::anon_send(keeper, gateway_ask{frame.from, std::move(*ask)});
  });
  port_->route(frames::forget, [keeper = keeper_](incoming_frame&& frame) {
    const auto id = decode_forget(frame.header);
    if (id) caf::anon_send(keeper, gateway_forget{frame.from, *id});
  });
  port_->route(frames::key_use, [supervisor = supervisor_](incoming_frame&& frame) {
    auto news = decode_key_news(frame.header);
    if (news) caf::anon_send(supervisor, arrived_key_use{frame.from, std::move(*news)});
  });
  port_->route(frames::recall, [keeper = keeper_](incoming_frame&& frame) {
    auto question = decode_recall(frame.header);
    if (question) caf::anon_send(keeper, gateway_recall{frame.from, std::move(*question)});
  });
}

result<void> cluster_head::await_serving(std::chrono::steady_clock::duration limit,
                                         const progress& report) {
  const auto deadline = std::chrono::steady_clock::now() + limit;
  for (;;) {
    const cluster_view v = board_->read();
    if (v.serving) break;
    if (const auto why = board_->obstacle()) return fail(*why);
    if (std::chrono::steady_clock::now() > deadline) {
      return fail(errc::deadline_exceeded, "{} of {} nodes have joined at {} and nothing is served",
                  v.nodes.size(), nodes_, join_address_);
    }
    if (report)
      report(v.nodes.size() < nodes_ ? "waiting for nodes" : "loading weights",
             static_cast<double>(v.nodes.size()) / nodes_);
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  describe();
  return {};
}

void cluster_head::describe() {
  const cluster_view v = board_->read();
  description_.stages = static_cast<std::uint32_t>(v.stages.size());
  description_.expert_shards = v.expert_shards;
  description_.threads = 0;
  for (const cluster_view::node& n : v.nodes)
    if (n.state != "gone") description_.threads += n.threads;
}

engine_stats cluster_head::stats() const {
  engine_stats s = desk_.board()->read();
  s.host_seconds = actor_thread_seconds();
  return s;
}

std::map<peer_id, node_traffic> cluster_head::traffic() const {
  std::map<peer_id, node_traffic> all = board_->traffic();
  all[port_->self()] = {0, port_->sent()};
  return all;
}

result<void> cluster_head::drain(const std::string& node) {
  caf::scoped_actor self{const_cast<caf::actor_system&>(system_)};
  result<void> done;
  self->request(supervisor_, answer_deadline, drain_atom::value, node)
      .receive(
          [&](const drain_answer& a) {
            if (a.refusal) done = fail(*a.refusal);
          },
          [&](const caf::error& e) {
            done = fail(errc::unavailable, "the supervisor gave no answer: {}", caf::to_string(e));
          });
  return done;
}

cluster_head::~cluster_head() {
  desk_.close();
  // First: what ends below fails requests, which for their gateways go on at the next supervisor.
  if (keeper_) caf::anon_send_exit(keeper_, caf::exit_reason::user_shutdown);
  weights_.reset();
  // The group there is and the keeper hold the port, and the port's routes them.
  if (port_) port_->close();
  port_.reset();
  if (supervisor_) caf::anon_send_exit(supervisor_, caf::exit_reason::user_shutdown);
  if (batcher_) caf::anon_send_exit(batcher_, caf::exit_reason::user_shutdown);
  supervisor_ = cluster_supervisor_actor();
  keeper_ = answer_keeper_actor();
  batcher_ = batcher_actor();
  await_actors(system_, drain_deadline);
}

}  // namespace

result<std::unique_ptr<cluster_runtime>> cluster_runtime::start(opened_model opened,
                                                                const head_options& wanted) {
  if (wanted.engine.speculation.mode == speculation_mode::model) {
    return fail(errc::unsupported,
                "a draft model guesses within one process only: choose --speculation ngram, or "
                "serve without workers");
  }
  if (auto usable = check(wanted.cluster.tls); !usable) return fail(usable.error());
  auto model = std::make_shared<served_model>(std::move(opened.model));
  head_options options = wanted;
  engine_config& config = options.engine;
  const std::uint32_t own = model->files->config().context;
  config.context = config.context == 0 ? own : std::min(config.context, own);
  config.step_rows = std::max(config.step_rows, 2U);
  if (config.stages == 0 && options.most_nodes > options.nodes)
    config.stages = std::min(options.most_nodes, model->files->config().layers);
  model->context = config.context;
  std::error_code ignored;
  options.model = std::filesystem::absolute(options.model, ignored);
  auto head = std::make_unique<cluster_head>(model, config, options.cluster.tls);
  if (auto up = head->launch(options, opened.integer_weights); !up)
    return fail(std::move(up.error()));
  return head;
}

}  // namespace troupe
