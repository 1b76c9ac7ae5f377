#include "actors/cluster/hosted_stage.hpp"

#include <utility>

#include "actors/attention_block.hpp"
#include "actors/cache_manager.hpp"
#include "actors/cache_settings.hpp"
#include "actors/cluster/remote_exit.hpp"
#include "actors/expert_shard.hpp"
#include "cluster/batching/cache_request.hpp"
#include "runtime/wire/frames.hpp"

namespace troupe {
namespace {

std::vector<expert_range> experts_of(const model_config& model, layer_range layers) {
  std::vector<expert_range> all;
  for (std::uint32_t layer = layers.first; layer < layers.last; ++layer)
    all.push_back({layer, 0, model.layer_experts(layer)});
  return all;
}

/// Whatever the model and the node have to say of a stage, loaded.
stage_parts load(const hosted_stage::surroundings& around, layer_range layers) {
  device& dev = *around.node.dev;
  stage_parts parts;
  parts.layers = layers;
  const engine_config& config = around.node.config;
  const model_files& files = *around.node.files;
  const model_config& model = files.config();
  const weight_packing packing{config.pack_weights, around.node.progress};
  const kv_layout layout{layers.count(), model.kv_heads, model.head_dim, config.page_size,
                         config.kv};
  parts.kv = std::make_shared<kv_store>(dev, layout, around.node.kv_pages);
  parts.stage = std::make_shared<attention_stage>(
      dev, files, layers, *parts.kv, config.activations,
      attention_stage::limits{
          .rows = config.step_rows, .packing = packing, .expert_rows = config.expert_rows});
  if (around.experts_apart) return parts;
  parts.bank = std::make_shared<expert_bank>(dev, files, experts_of(model, layers),
                                             config.activations, config.step_rows, packing);
  return parts;
}

}  // namespace

hosted_stage::hosted_stage(const surroundings& around, layer_range layers)
    : hosted_stage(around, load(around, layers)) {}

hosted_stage::hosted_stage(const surroundings& around, stage_parts loaded)
    : layers_(loaded.layers),
      dev_(around.node.dev),
      kv_(std::move(loaded.kv)),
      stage_(std::move(loaded.stage)),
      bank_(std::move(loaded.bank)),
      cache_(std::move(loaded.cache)),
      tiers_(std::move(loaded.tiers)) {
  doors_.hidden = around.node.files->config().hidden;
  doors_.dev = dev_;
}

stage_parts hosted_stage::parts() const {
  return {layers_, static_cast<bool>(doors_.block), kv_, stage_, bank_, cache_, tiers_};
}

hosted_stage::~hosted_stage() {
  stop_leading();
  if (doors_.replica != nullptr) (void)doors_.replica->end();
  if (shard_) caf::anon_send_exit(shard_, caf::exit_reason::user_shutdown);
  // Actors leave their memory to the device; so does this.
  release_behind(*dev_, std::move(bank_));
  release_behind(*dev_, std::move(stage_));
  release_behind(*dev_, std::move(kv_));
}

void hosted_stage::stop_leading() {
  if (doors_.block) caf::anon_send_exit(doors_.block, caf::exit_reason::user_shutdown);
  if (doors_.cache) caf::anon_send_exit(doors_.cache, caf::exit_reason::user_shutdown);
  doors_.block = asking_block_actor();
  doors_.cache = cache_manager_actor();
  doors_.log.reset();
}

void hosted_stage::leave_pages() {
  // Not when its last copy has been made, but now.
  if (tiers_ != nullptr) std::exchange(tiers_, nullptr)->close();
  cache_.reset();
}

std::shared_ptr<stage_exit> hosted_stage::exit_of(const surroundings& around,
                                                  const stage_order& order) const {
  if (order.next == 0) return remote_exit::to_batcher(around.port, around.batcher, around.epoch);
  auto exit = remote_exit::to_stage(around.port, order.next, order.last, doors_.hidden);
  exit->report_to(around.batcher, around.epoch);
  return exit;
}

std::pair<std::unique_ptr<kv_manager>, std::vector<bool>> hosted_stage::take_over(
    const surroundings& around, replica_host::heritage left) {
  if (auto kept = cache_ == nullptr ? nullptr : cache_->take()) {
    // Under another supervisor: its sequences are new ones, and find what these have left.
    kept->close_all();
    auto known = kept->known_pages();
    return {std::move(kept), std::move(known)};
  }
  const engine_config& config = around.node.config;
  if (cache_ != nullptr) leave_pages();  // its manager may still be at work
  if (tiers_ == nullptr) tiers_ = tiers_of(around.node, around.stages, layers_, kv_);
  auto manager = std::make_unique<kv_manager>(
      kv_manager::settings{config.page_size, around.node.kv_pages, config.prefix_cache}, tiers_);
  // What cannot be adopted is left out, and will be computed again.
  for (const auto& [id, table] : left.tables) (void)manager->adopt(id, table);
  return {std::move(manager), std::move(left.written)};
}

/// Null where all experts are the stage's own.
std::unique_ptr<far_experts> hosted_stage::reach(const surroundings& around) const {
  if (bank_ != nullptr) return nullptr;
  far_experts::surroundings far;
  far.self = around.port->self();
  far.files = around.node.files;
  far.mode = mode_on(*dev_, around.node.config.activations);
  far.form = around.node.config.expert_rows;
  far.layers = layers_;
  far.rows = around.node.config.step_rows;
  far.rows_on_device = around.port->reads_memory_of(*dev_);
  far.send = [port = around.port](peer_id to, expert_request&& m) {
    return port->send(to,
                      {frames::expert_rows, encode_expert_rows(m.header), std::move(m.payload)});
  };
  far.tell = [port = around.port, to = around.batcher](const expert_load_report& report) {
    (void)port->send(to, {frames::expert_load, encode_expert_load(report), {}});
  };
  return std::make_unique<far_experts>(*dev_, std::move(far));
}

std::vector<std::vector<expert_shard_actor>> hosted_stage::shards_here(const experts& apart) const {
  std::vector<std::vector<expert_shard_actor>> by_layer(layers_.count());
  for (std::uint32_t i = 0; i < layers_.count(); ++i) {
    if (shard_) by_layer[i].push_back(shard_);
    for (const auto& [owned, actor] : apart.here)
      for (const expert_range& range : owned)
        if (range.layer == layers_.first + i && bank_ == nullptr) by_layer[i].push_back(actor);
  }
  return by_layer;
}

stage_heritage hosted_stage::lead(const surroundings& around, caf::actor_system& system) {
  const engine_config& config = around.node.config;
  replica_host::heritage left;
  if (doors_.replica != nullptr) left = std::exchange(doors_.replica, nullptr)->end();
  if (!shard_ && bank_ != nullptr) {
    auto wiring = std::make_shared<expert_shard_wiring>();
    wiring->epoch = around.epoch;
    wiring->dev = dev_;
    wiring->files = around.node.files;
    wiring->bank = bank_;
    shard_ = system.spawn(expert_shard, std::move(wiring));
  }
  const stage_heritage heritage{layers_.first, left.applied.has_value(), left.applied.value_or(0)};
  auto [manager, written] = take_over(around, std::move(left));
  cache_ = std::make_shared<cache_slot>();
  doors_.log = std::make_shared<replicator>(around.port, kv_, layers_.first, std::move(written));
  doors_.cache = system.spawn(cache_manager, std::make_shared<cache_wiring>(cache_wiring{
                                                 std::move(manager), cache_, dev_, doors_.log}));
  auto wiring = std::make_unique<attention_block_wiring>();
  wiring->epoch = 0;  // rewired at once
  wiring->dev = dev_;
  wiring->files = around.node.files;
  wiring->kv = kv_;
  wiring->stage = stage_;
  wiring->cache = doors_.cache;
  wiring->far = reach(around);
  wiring->hidden_bytes = std::size_t{config.step_rows} * doors_.hidden * sizeof(float);
  doors_.block =
      system.spawn(attention_block,
                   std::make_shared<std::unique_ptr<attention_block_wiring>>(std::move(wiring)));
  caf::anon_send(doors_.cache, watch_atom::value, attention_block_actor(doors_.block));
  return heritage;
}

std::optional<stage_heritage> hosted_stage::assume(const surroundings& around,
                                                   const stage_order& order, const experts& apart,
                                                   caf::actor_system& system) {
  if (!order.leads) {
    stop_leading();
    leave_pages();
    if (doors_.replica == nullptr)
      doors_.replica = std::make_shared<replica_host>(around.port, kv_, layers_.first);
    doors_.replica->follow(order.primary, around.batcher, around.epoch,
                           std::chrono::steady_clock::now());
    return std::nullopt;
  }
  std::optional<stage_heritage> heritage;
  if (!doors_.block) heritage = lead(around, system);
  doors_.log->set_buddies(*dev_, order.buddies, around.epoch);
  caf::anon_send(doors_.block, stage_rewiring{around.epoch, exit_of(around, order), doors_.log,
                                              shards_here(apart), apart.routes});
  return heritage;
}

bool hosted_stage::pump() {
  if (doors_.replica != nullptr) doors_.replica->remind(std::chrono::steady_clock::now());
  if (doors_.log == nullptr || !doors_.log->behind()) return false;
  doors_.log->pump(*dev_);
  return true;
}

}  // namespace troupe
