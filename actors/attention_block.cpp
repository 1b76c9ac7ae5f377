#include "actors/attention_block.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <chrono>
#include <utility>

namespace troupe {
namespace {

using kernels::status;
using clock = std::chrono::steady_clock;

/// Bound on a cache manager's answer; it only looks tables up.
constexpr auto table_deadline = std::chrono::seconds(10);
/// Bound on the wait for masks; the batcher works them out right behind sending the step.
constexpr auto mask_deadline = std::chrono::seconds(60);

}  // namespace

void attention_block_state::start(asking_block_actor::pointer self,
                                  std::unique_ptr<attention_block_wiring> wiring) {
  self_ = self;
  w_ = std::move(wiring);
}

attention_block_state::~attention_block_state() {
  if (w_ == nullptr) return;
  const std::shared_ptr<device> dev = std::move(w_->dev);
  dev->notify([inputs = inputs_, x = current_.x, started = current_.started] {});
  if (w_->far != nullptr) w_->far->asked().abandon();
  release_behind(*dev, std::move(w_->stage));
  release_behind(*dev, std::move(w_->kv));
  for (auto* pool : {&hidden_pool_, &device_pool_})
    for (hidden_rows& h : *pool) release_behind(*dev, std::move(h));
  // Submitted work reads the mapped weights: they go last.
  release_behind(*dev, std::move(w_->files));
}

void attention_block_state::on_step(step_message m) {
  if (m.plan->epoch != w_->epoch) {
    ++stale_;
    return;
  }
  queue_.push_back(std::move(m));
  begin_next();
}

void attention_block_state::begin_next() {
  if (busy_ || queue_.empty()) return;
  busy_ = true;
  ++begun_;
  current_ = std::move(queue_.front());
  queue_.pop_front();
  std::vector<page_table> tables;
  tables.reserve(current_.plan->runs.size());
  for (const sequence_run& run : current_.plan->runs) {
    const auto known = tables_.find(run.sequence);
    if (known == tables_.end() || !covers(known->second, run)) return ask_tables();
    tables.push_back(known->second);
  }
  begin(std::move(tables));
}

void attention_block_state::on_tables(const table_changes& changes) {
  for (const auto& [id, table] : changes.changed) {
    if (table == nullptr) {
      if (tables_.erase(id) > 0 && w_->log != nullptr) w_->log->released(*w_->dev, id);
    } else {
      tables_[id] = table;
    }
  }
}

bool attention_block_state::covers(const page_table& table, const sequence_run& run) const {
  const auto end = run.first + static_cast<std::uint32_t>(run.tokens.size());
  return table != nullptr && table->size() >= w_->kv->layout().pages_for(end);
}

/// For a block that began to watch after its sequences were opened.
void attention_block_state::ask_tables() {
  std::vector<sequence_id> ids;
  ids.reserve(current_.plan->runs.size());
  for (const sequence_run& run : current_.plan->runs) ids.push_back(run.sequence);
  self_->request(w_->cache, table_deadline, tables_atom::value, std::move(ids))
      .then(
          [this, asked = begun_](const table_list& list) {
            if (busy_ && asked == begun_) begin(list.tables);
          },
          [this, asked = begun_](const caf::error& e) {
            if (busy_ && asked == begun_)
              fail({errc::unavailable, "cache manager: " + caf::to_string(e)});
          });
}

void attention_block_state::begin(std::vector<page_table> tables) {
  for (std::size_t i = 0; i < tables.size(); ++i) {
    const sequence_run& run = current_.plan->runs[i];
    if (!covers(tables[i], run)) {
      return fail({errc::internal, fmt::format("sequence {} has no page for position {}",
                                               run.sequence, run.first + run.tokens.size() - 1)});
    }
  }
  inputs_ = std::make_shared<step_inputs>(current_.plan, std::move(tables));
  if (w_->stage->is_first()) {
    current_.x = borrow_hidden(leaves_on_device());
    auto started = std::make_shared<std::chrono::steady_clock::time_point>();
    current_.started = started;
    w_->dev->begin_step(started.get());
  }
  if (w_->stage->begin(*inputs_, current_.x->as<float>()) != status::ok) {
    return fail({errc::internal, "the device refused the start of a step"});
  }
  enter_layer(w_->stage->layers().first);
}

void attention_block_state::enter_layer(std::uint32_t layer) {
  layer_ = layer;
  if (w_->stage->attend(layer) != status::ok) {
    return fail({errc::internal, fmt::format("the device refused attention of layer {}", layer)});
  }
  const auto& shards = w_->shards[layer - w_->stage->layers().first];
  awaited_ = shards.size();
  if (w_->far != nullptr && w_->far->has(layer)) {
    ++awaited_;
    const layer_step at{w_->epoch, current_.plan->id, layer};
    if (auto staged = w_->far->stage(at, w_->stage->experts_of(layer)); !staged)
      return fail(std::move(staged.error()));
    w_->dev->notify(
        [to = asking_block_actor(self_), at = experts_chosen{w_->epoch, current_.plan->id, layer}] {
          caf::anon_send(to, at);
        });
  }
  const expert_apply order{w_->epoch, current_.plan->id, layer, w_->stage->experts_of(layer),
                           w_->stage};
  for (const expert_shard_actor& shard : shards) {
    self_->send(shard, apply_atom::value, order, attention_block_actor(self_));
  }
}

void attention_block_state::on_applied(const expert_applied& done) {
  if (done.epoch != w_->epoch || !busy_ || done.step != current_.plan->id || done.layer != layer_) {
    ++stale_;
    return;
  }
  if (!done.accepted)
    return fail({errc::internal, fmt::format("an expert shard refused layer {}", layer_)});
  part_done();
}

void attention_block_state::on_chosen(const experts_chosen& chosen) {
  if (chosen.epoch != w_->epoch || !busy_ || chosen.step != current_.plan->id ||
      chosen.layer != layer_) {
    ++stale_;
    return;
  }
  asking_ = true;
  follow(w_->far->begin({chosen.epoch, chosen.step, chosen.layer}, w_->stage->experts_of(layer_),
                        clock::now()));
}

void attention_block_state::on_answer(const expert_answer& answer) {
  if (w_->far == nullptr) return;
  follow(w_->far->asked().on_outputs(answer.from, answer.header, answer.payload, clock::now()));
}

void attention_block_state::on_lost(peer_id node) {
  if (w_->far == nullptr) return;
  // Not gone for good: nodes connect anew in an epoch, and the supervisor says who is out.
  follow(w_->far->asked().on_node(node, expert_routes::standing::suspect, clock::now()));
}

void attention_block_state::on_tick() {
  const auto now = clock::now();
  if (wakes_at_ && *wakes_at_ <= now) wakes_at_.reset();
  if (asking_) follow(w_->far->asked().tick(now));
}

void attention_block_state::follow(remote_experts::progress now) {
  if (!asking_) return;
  switch (now) {
    case remote_experts::progress::waiting:
      return wake_at_deadline();
    case remote_experts::progress::complete:
      asking_ = false;
      return part_done();
    case remote_experts::progress::failed:
      // The step gives no result, and is computed again in the next epoch.
      spdlog::warn("step {} is given up: {}", current_.plan->id, w_->far->asked().why().message());
      abandon();
      begin_next();
  }
}

void attention_block_state::wake_at_deadline() {
  const auto deadline = w_->far->asked().next_deadline();
  if (!deadline || (wakes_at_ && *wakes_at_ <= *deadline)) return;
  wakes_at_ = deadline;
  self_->delayed_send(self_, std::max(*deadline - clock::now(), clock::duration(0)),
                      tick_atom::value);
}

void attention_block_state::part_done() {
  if (--awaited_ > 0) return;
  if (w_->stage->combine(layer_) != status::ok) {
    return fail({errc::internal, fmt::format("the device refused to combine layer {}", layer_)});
  }
  if (layer_ + 1 < w_->stage->layers().last) return enter_layer(layer_ + 1);
  leave_stage();
}

void attention_block_state::leave_stage() {
  // The device is far behind: it computes the layers while the masks are worked out.
  if (w_->stage->is_last()) {
    if (!draw()) return;
  } else {
    if (!w_->stage->is_first() && leaves_on_device()) {
      inputs_->keep(std::exchange(current_.x, borrow_hidden(true)));
    }
    if (w_->stage->leave(current_.x->as<float>()) != status::ok)
      return fail({errc::internal, "the device refused the end of a stage"});
  }
  w_->exit->leave(*w_->dev, std::move(current_), inputs_);
  if (w_->log != nullptr) w_->log->written(*w_->dev, inputs_);
  finish_step();
}

bool attention_block_state::draw() {
  switch (inputs_->await_masks(mask_deadline)) {
    case token_masks::state::there:
      break;
    case token_masks::state::given_up:
      abandon();
      begin_next();
      return false;
    case token_masks::state::awaited:
      fail({errc::internal, "nobody has said in time which tokens may be drawn"});
      return false;
  }
  if (w_->stage->head(*inputs_) == status::ok) return true;
  fail({errc::internal, "the device refused the head"});
  return false;
}

void attention_block_state::finish_step() {
  inputs_.reset();
  current_ = {};
  busy_ = false;
  begin_next();
}

void attention_block_state::fail(error why) {
  // A device that refuses work knows better why.
  w_->exit->fail(step_failure{current_.plan->id, w_->dev->fault().value_or(std::move(why))});
  abandon();
  begin_next();
}

void attention_block_state::abandon() {
  // What was submitted still runs; its inputs stay until then.
  w_->dev->notify([inputs = inputs_, x = current_.x, started = current_.started] {});
  if (w_->far != nullptr) w_->far->asked().abandon();
  asking_ = false;
  inputs_.reset();
  current_ = {};
  busy_ = false;
}

void attention_block_state::on_rewire(stage_rewiring& wiring) {
  if (wiring.epoch <= w_->epoch) return;
  w_->epoch = wiring.epoch;
  w_->exit = std::move(wiring.exit);
  w_->log = std::move(wiring.log);
  if (!wiring.shards.empty()) w_->shards = std::move(wiring.shards);
  queue_.clear();
  if (busy_) abandon();
  if (w_->far != nullptr && wiring.routes != nullptr)
    w_->far->begin_epoch(w_->epoch, *wiring.routes, clock::now());
}

bool attention_block_state::leaves_on_device() const { return w_->exit->takes_memory_of(*w_->dev); }

hidden_rows attention_block_state::borrow_hidden(bool on_device) {
  std::vector<hidden_rows>& pool = on_device ? device_pool_ : hidden_pool_;
  for (const hidden_rows& h : pool) {
    if (h.use_count() == 1) return h;
  }
  pool.push_back(std::make_shared<device_buffer>(on_device
                                                     ? w_->dev->allocate(w_->hidden_bytes)
                                                     : w_->dev->allocate_shared(w_->hidden_bytes)));
  return pool.back();
}

asking_block_actor::behavior_type attention_block(
    asking_block_actor::stateful_pointer<attention_block_state> self,
    const std::shared_ptr<std::unique_ptr<attention_block_wiring>>& wiring) {
  self->state.start(self, std::move(*wiring));
  return {
      [self](step_message& m) { self->state.on_step(std::move(m)); },
      [self](const expert_applied& done) { self->state.on_applied(done); },
      [self](const table_changes& changes) { self->state.on_tables(changes); },
      [self](stage_rewiring& anew) { self->state.on_rewire(anew); },
      [](const masks_ready&) {},  // it shares them
      [self](const experts_chosen& chosen) { self->state.on_chosen(chosen); },
      [self](const expert_answer& answer) { self->state.on_answer(answer); },
      [self](const node_lost& lost) { self->state.on_lost(lost.node); },
      [self](tick_atom) { self->state.on_tick(); },
  };
}

}  // namespace troupe
