#include "actors/cluster/worker.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <new>
#include <utility>

namespace troupe {
namespace {

/// Between pieces of a snapshot, which share the device with the steps.
constexpr auto pump_period = std::chrono::milliseconds(2);
constexpr auto idle_period = std::chrono::milliseconds(20);

std::vector<peer_address> addresses_of(const node_orders& orders) {
  std::vector<peer_address> peers;
  for (const peer_introduction& p : orders.peers) peers.push_back(address_of(p));
  return peers;
}

}  // namespace

void worker_state::start(worker_actor::pointer self, worker_wiring wiring) {
  self_ = self;
  wiring_ = std::move(wiring);
  self_->delayed_send(self_, idle_period, tick_atom::value);
}

worker_state::~worker_state() {
  for (const auto& [first, stage] : stages_) wiring_.store->put(stage->parts());
}

orders_done worker_state::on_orders(const node_orders& orders) {
  orders_done done;
  done.epoch = orders.epoch;
  if (orders.epoch <= epoch_) {
    done.failure = fmt::format("orders of epoch {} after those of {}", orders.epoch, epoch_);
    return done;
  }
  if (!orders.prepare) epoch_ = orders.epoch;
  done.failure = obey(orders, done);
  return done;
}

std::string worker_state::obey(const node_orders& orders, orders_done& done) {
  wiring_.node.kv_pages = orders.kv_pages;
  const hosted_stage::surroundings around{wiring_.node, wiring_.port, orders.batcher, orders.epoch};
  std::map<std::uint32_t, hosted_stage::doors> doors;
  try {
    if (orders.prepare) {
      for (const stage_order& order : orders.stages) (void)hold(around, order);
      return {};
    }
    // Connections of the old epoch go first, so that nothing stale is taken for new.
    if (auto up = wiring_.port->connect_to(addresses_of(orders)); !up) return up.error().message();
    std::erase_if(stages_, [&](const auto& held) {
      return std::ranges::none_of(orders.stages, [&](const stage_order& o) {
        return layer_range{o.first, o.last} == held.second->layers();
      });
    });
    for (const stage_order& order : orders.stages) {
      hosted_stage& stage = hold(around, order);
      if (const auto heritage = stage.assume(around, order, self_->system()))
        done.taken_over.push_back(*heritage);
      doors.emplace(order.first, stage.open_doors());
    }
  } catch (const std::bad_alloc&) {
    return fmt::format("memory for {} stages with {} KV pages could not be had",
                       orders.stages.size(), orders.kv_pages);
  }
  wiring_.doors->set(orders.epoch, std::move(doors));
  wiring_.store->clear();  // what nobody has ordered
  return {};
}

hosted_stage& worker_state::hold(const hosted_stage::surroundings& around,
                                 const stage_order& order) {
  const layer_range layers{order.first, order.last};
  auto& stage = stages_[order.first];
  if (stage != nullptr && stage->layers() == layers) return *stage;
  if (auto loaded = wiring_.store->take(layers, around.node.kv_pages))
    stage = std::make_unique<hosted_stage>(around, std::move(*loaded));
  else
    stage = std::make_unique<hosted_stage>(around, layers);
  return *stage;
}

void worker_state::on_leave() {
  // Said first: the connection breaks next, and to clear takes as long as to look at why.
  wiring_.ended->store(worker_runtime::end::drained);
  stages_.clear();
}

void worker_state::pump() {
  bool more = false;
  for (auto& [first, stage] : stages_) more = stage->pump() || more;
  self_->delayed_send(self_, more ? pump_period : idle_period, tick_atom::value);
}

worker_actor::behavior_type worker(worker_actor::stateful_pointer<worker_state> self,
                                   const std::shared_ptr<worker_wiring>& wiring) {
  self->state.start(self, std::move(*wiring));
  return {
      [self](const node_orders& orders) { return self->state.on_orders(orders); },
      [self](leave_atom) { self->state.on_leave(); },
      [self](tick_atom) { self->state.pump(); },
  };
}

}  // namespace troupe
