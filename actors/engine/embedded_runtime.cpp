#include "actors/engine/embedded_runtime.hpp"

#include <spdlog/spdlog.h>

#include <caf/all.hpp>
#include <chrono>
#include <future>
#include <new>
#include <thread>
#include <utility>

#include "actors/device_loss.hpp"
#include "actors/engine/draft_group.hpp"
#include "actors/engine/draft_model.hpp"
#include "actors/engine/host_time.hpp"
#include "actors/engine/memory_plan.hpp"
#include "actors/engine/model_opening.hpp"
#include "actors/engine/request_desk.hpp"
#include "actors/node.hpp"
#include "actors/supervisor.hpp"
#include "runtime/device/cpu_device.hpp"
#include "runtime/engine/model_ranks.hpp"
#include "runtime/engine/team/team_choice.hpp"

namespace troupe {
namespace {

constexpr auto start_deadline = std::chrono::minutes(10);
constexpr auto drain_deadline = std::chrono::minutes(1);

/// CAF's settings: few threads that sleep when idle, as arithmetic belongs to the compute pool.
class system_config : public caf::actor_system_config {
 public:
  explicit system_config(std::uint32_t threads) {
    set("scheduler.policy", caf::atom("sharing"));
    set("scheduler.max-threads", threads);
  }
};

/// Lets what one process needs outlive what uses it: members go in reverse order.
class runtime_in_process final : public embedded_runtime {
 public:
  runtime_in_process(std::shared_ptr<device> dev, std::shared_ptr<const served_model> model,
                     const engine_config& config)
      : device_(std::move(dev)),
        model_(std::move(model)),
        desk_(std::size_t{config.max_waiting} + config.max_sequences),
        system_config_(config.actor_threads),
        system_(system_config_) {}

  ~runtime_in_process() override;

  [[nodiscard]] result<void> launch(const engine_config& config, const memory_plan& memory,
                                    const placement& plan, const progress& report);

  result<request_id> submit(generation_request request,
                            std::shared_ptr<generation_listener> listener) override {
    return desk_.submit(std::move(request), std::move(listener));
  }
  void cancel(request_id id) override { desk_.cancel(id); }
  [[nodiscard]] engine_stats stats() const override;
  [[nodiscard]] const std::shared_ptr<const served_model>& model() const override { return model_; }
  [[nodiscard]] const engine_description& description() const override { return description_; }
  [[nodiscard]] device& compute() override { return *device_; }
  [[nodiscard]] bool healthy() const override { return desk_.board()->healthy(); }
  void describe(engine_description d) { description_ = std::move(d); }
  /// Starts a small model that guesses tokens; before launch().
  [[nodiscard]] result<void> add_drafter(const served_model& draft, const engine_config& config,
                                         const memory_plan& memory);

 private:
  void await_actors();
  void drain_device();

  std::shared_ptr<device> device_;
  std::shared_ptr<const served_model> model_;
  engine_description description_;
  request_desk desk_;
  system_config system_config_;
  caf::actor_system system_;
  node_actor node_;
  supervisor_actor supervisor_;
  std::unique_ptr<draft_group> draft_;  ///< may be null
};

result<void> runtime_in_process::launch(const engine_config& config, const memory_plan& memory,
                                        const placement& plan, const progress& report) {
  const auto loading = std::make_shared<load_progress>();
  auto resources = std::make_shared<node_resources>(
      node_resources{device_, model_->files, config, memory.kv_pages, memory.context, loading});
  node_ = system_.spawn(troupe::node, std::move(resources));
  supervisor_ = system_.spawn(troupe::supervisor, node_, plan, desk_.board(), model_->structures);
  caf::scoped_actor self{system_};
  batcher_actor batcher;
  std::string why;
  self->request(supervisor_, start_deadline, route_atom::value)
      .receive([&](const batcher_actor& b) { batcher = b; },
               [&](const caf::error& e) { why = caf::to_string(e); });
  if (!batcher) return fail(errc::internal, "the supervisor gave no batcher: {}", why);
  desk_.open(system_, batcher, memory.context);
  if (draft_ != nullptr) caf::anon_send(batcher, draft_->drafter());
  // The board turns healthy once the batcher has its group; a dead actor ends the wait early.
  self->monitor(supervisor_);
  const auto deadline = std::chrono::steady_clock::now() + start_deadline;
  bool down = false;
  const auto ready = [&] {
    const std::size_t loaded = loading->loaded_bytes;
    const std::size_t wanted = loading->wanted_bytes;
    if (report && wanted > 0)
      report("packing weights", static_cast<double>(loaded) / static_cast<double>(wanted));
    return desk_.board()->healthy() && loaded == wanted;
  };
  while (!ready() && !down && std::chrono::steady_clock::now() < deadline) {
    self->receive([&](const caf::down_msg& d) { down = true, why = caf::to_string(d.reason); },
                  caf::after(std::chrono::milliseconds(2)) >> [] {});
  }
  if (!desk_.board()->healthy())
    return fail(errc::internal, "the actors did not start: {}", down ? why : "no answer in time");
  return {};
}

result<void> runtime_in_process::add_drafter(const served_model& draft, const engine_config& config,
                                             const memory_plan& memory) {
  auto group = draft_group::start(system_, device_, draft, config, memory);
  if (!group) return fail(group.error());
  draft_ = std::move(*group);
  return {};
}

runtime_in_process::~runtime_in_process() {
  desk_.close();
  caf::anon_send_exit(supervisor_, caf::exit_reason::user_shutdown);
  caf::anon_send_exit(node_, caf::exit_reason::user_shutdown);
  draft_.reset();
  supervisor_ = supervisor_actor();
  node_ = node_actor();
  // Work on the device names actors, and actors leave their memory to the device: first the actors
  // end, then the device passes what they left, then the system goes.
  await_actors();
  drain_device();
}

void runtime_in_process::await_actors() {
  const auto deadline = std::chrono::steady_clock::now() + drain_deadline;
  while (system_.registry().running() > 0) {
    if (std::chrono::steady_clock::now() > deadline) {
      spdlog::error("{} actors did not end in time", system_.registry().running());
      system_.await_actors_before_shutdown(false);
      return;
    }
    std::this_thread::sleep_for(std::chrono::microseconds(200));
  }
}

void runtime_in_process::drain_device() {
  auto done = std::make_shared<std::promise<void>>();
  device_->notify([done] { done->set_value(); });
  (void)done->get_future().wait_for(drain_deadline);
}

engine_stats runtime_in_process::stats() const {
  engine_stats s = desk_.board()->read();
  s.host_seconds = actor_thread_seconds();
  return s;
}

/// Fills in whatever the configuration left to choose.
engine_config settle(engine_config config, const model_config& model) {
  if (config.threads == 0) config.threads = usable_processors();
  // One device: further stages and shards would share its stream and only add messages.
  if (config.stages == 0) config.stages = 1;
  if (config.expert_shards == 0) config.expert_shards = 1;
  config.stages = std::min(config.stages, model.layers);
  config.step_rows = std::max(config.step_rows, 2U);
  return config;
}

}  // namespace

result<std::unique_ptr<embedded_runtime>> embedded_runtime::start(const std::filesystem::path& path,
                                                                  const engine_config& wanted,
                                                                  const progress& report) {
  auto opened = open_model(path, report);
  if (!opened) return fail(std::move(opened.error()));
  auto model = std::make_shared<served_model>(std::move(opened->model));
  const model_config& about = model->files->config();
  const engine_config config = settle(wanted, about);
  const auto draft = open_draft_model(config.speculation, *model->files, report);
  if (!draft) return fail(draft.error());
  const auto choice = parse_device(config.device);
  if (!choice) return fail(choice.error());
  auto made = make_team(*choice, config.tensor_parallel, {.threads = config.threads},
                        {.graph_rows = config.graph_rows}, &end_without_device);
  if (!made) return fail(std::move(made.error()));
  const std::shared_ptr<device> dev = std::move(*made);
  if (auto suits = ranks_suit(*dev, *model->files, config.activations); !suits)
    return fail(suits.error().within(path.string()));
  if (*draft) {
    if (auto suits = ranks_suit(*dev, *(*draft)->model.files, config.activations); !suits)
      return fail(suits.error().within("draft model"));
  }
  const std::size_t available = room_on(*dev);
  const std::size_t weights = opened->weight_bytes + (*draft ? (*draft)->weight_bytes : 0);
  const auto memory = plan_memory(about, config, weights, available);
  if (!memory) return fail(memory.error().within(path.string()));
  const auto plan = plan_placement(about, config.stages, config.expert_shards, 1);
  if (!plan) return fail(plan.error());
  const bool whole_floats = !dev->kernels().reads_integers();
  const bool integers = !whole_floats && config.activations != activation_mode::f32;
  const bool packs = config.pack_weights && (integers || whole_floats);
  touch_weights(*model->files, packs, report);
  model->context = memory->context;

  try {
    auto engine = std::make_unique<runtime_in_process>(dev, model, config);
    if (report) report("starting actors", 0);
    if (*draft) {
      const auto room = plan_draft_memory((*draft)->model.files->config(), config, *memory,
                                          weights + memory->kv_bytes, available);
      if (!room) return fail(room.error());
      if (auto up = engine->add_drafter((*draft)->model, config, *room); !up)
        return fail(up.error());
    }
    if (auto up = engine->launch(config, *memory, *plan, report); !up)
      return fail(std::move(up.error()));
    engine->describe(
        {dev->kernels().target(), dev->width(), static_cast<std::uint32_t>(plan->stages.size()),
         static_cast<std::uint32_t>(plan->shards.size()),
         opened->integer_weights && integers ? "integer" : "f32", opened->weight_bytes,
         memory->kv_bytes, memory->kv_bytes_per_token, memory->kv_pages * config.page_size});
    if (report) report("ready", 1);
    return engine;
  } catch (const std::bad_alloc&) {
    return fail(errc::out_of_memory,
                "{}: memory for {} bytes of KV and the workspace could not be had", path.string(),
                memory->kv_bytes);
  } catch (const std::system_error& e) {
    return fail(errc::io_error, "cannot start the engine: {}", e.what());
  }
}

}  // namespace troupe
