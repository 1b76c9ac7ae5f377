#include "actors/cluster/worker.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <new>
#include <utility>

#include "actors/cluster/expert_orders.hpp"
#include "runtime/model/stage_blocks.hpp"

namespace troupe {
namespace {

/// Between pieces of a snapshot, which share the device with the steps.
constexpr auto pump_period = std::chrono::milliseconds(2);
constexpr auto idle_period = std::chrono::milliseconds(20);
/// Between words to the supervisor about weights that come from peers.
constexpr auto progress_period = std::chrono::milliseconds(200);

using clock = std::chrono::steady_clock;

/// Runs it once, and answers with what it says.
caf::behavior weights_errand(caf::event_based_actor* self,
                             const std::shared_ptr<const std::function<std::string()>>& errand) {
  return {[self, errand](tick_atom) {
    self->quit();
    return (*errand)();
  }};
}

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
  for (const auto& experts : experts_) wiring_.store->put(experts->parts());
  fetching_.request_stop();
}

caf::result<orders_done> worker_state::on_orders(const node_orders& orders) {
  if (orders.epoch <= epoch_)
    return orders_done{orders.epoch,
                       fmt::format("orders of epoch {} after those of {}", orders.epoch, epoch_),
                       {}};
  if (!orders.prepare) epoch_ = orders.epoch;
  // What older orders need is wanted no more.
  fetching_.request_stop();
  // Weights come from those who will be peers only then, too; they come here as well.
  if (orders.prepare && wiring_.desk)
    for (const peer_address& peer : addresses_of(orders)) (void)wiring_.port->connect(peer);
  if (auto wanted = lacking(orders); !wanted.empty()) return obey_with(std::move(wanted), orders);
  return carry_out(orders);
}

orders_done worker_state::carry_out(const node_orders& orders) {
  orders_done done;
  done.epoch = orders.epoch;
  done.failure = obey(orders, done);
  return done;
}

std::vector<bool> worker_state::lacking(const node_orders& orders) const {
  const auto blocks = wiring_.store->blocks();
  if (blocks == nullptr) return {};
  const model_files& files = *wiring_.node.files;
  std::vector<bool> flags(blocks->map().blocks());
  for (const stage_order& o : orders.stages)
    mark_stage(files, blocks->map(), o.first, o.last, !orders.experts_apart, flags);
  const expert_duties duties = expert_duties_of(experts_of(orders), wiring_.port->self());
  for (const std::vector<expert_range>& owned : duties.held)
    for (const expert_range& r : owned)
      mark_experts(files, blocks->map(), r.layer, r.first, r.count, flags);
  for (std::uint32_t block = 0; block < flags.size(); ++block)
    if (flags[block] && !blocks->has(block)) return flags;
  return {};
}

caf::result<orders_done> worker_state::obey_with(std::vector<bool> wanted,
                                                 const node_orders& orders) {
  weights_fetcher::givers from{orders.batcher, {}};
  for (const peer_introduction& p : orders.peers) from.peers.push_back(p.peer);
  fetching_ = std::stop_source();
  auto fetch = [store = wiring_.store, blocks = wiring_.store->blocks(), weights = wiring_.weights,
                desk = wiring_.desk, self = wiring_.port->self(), stop = fetching_.get_token(),
                from = std::move(from), wanted = std::move(wanted)] {
    clock::time_point next{};
    const auto report = [&](std::uint64_t got, std::uint64_t all) {
      if (!desk || (got < all && clock::now() < next)) return;
      next = clock::now() + progress_period;
      caf::anon_send(desk, weights_atom::value, weights_progress{self, got, all});
    };
    const auto done = weights->fetch(*blocks, wanted, from, stop, report);
    if (!done && done.error().code() == errc::exhausted) store->run_out(done.error());
    return done ? std::string() : done.error().message();
  };
  // It waits for disks and peers, so that it has a thread of its own.
  const caf::actor helper = self_->spawn<caf::detached>(
      weights_errand, std::make_shared<const std::function<std::string()>>(std::move(fetch)));
  auto promise = self_->make_response_promise<orders_done>();
  self_->request(helper, caf::infinite, tick_atom::value)
      .then(
          [this, promise, orders,
           stop = fetching_.get_token()](const std::string& failure) mutable {
            const bool late = stop.stop_requested();
            if (!failure.empty() || late)
              promise.deliver(
                  orders_done{orders.epoch, late ? "there are newer orders" : failure, {}});
            else
              promise.deliver(carry_out(orders));
          },
          [promise, epoch = orders.epoch](const caf::error& e) mutable {
            promise.deliver(orders_done{epoch, "no weights: " + caf::to_string(e), {}});
          });
  return promise;
}

std::string worker_state::obey(const node_orders& orders, orders_done& done) {
  wiring_.node.kv_pages = orders.kv_pages;
  const hosted_stage::surroundings around{wiring_.node, wiring_.port,         orders.batcher,
                                          orders.epoch, orders.experts_apart, orders.stages.size()};
  const expert_duties duties = expert_duties_of(experts_of(orders), wiring_.port->self());
  std::map<std::uint32_t, hosted_stage::doors> doors;
  expert_doors::openings entries;
  try {
    if (orders.prepare) {
      load(around, orders, duties);
      return {};
    }
    // Connections of the old epoch go first, so that nothing stale is taken for new.
    if (auto up = wiring_.port->connect_to(addresses_of(orders)); !up) return up.error().message();
    wiring_.node.dev->begin_epoch(orders.epoch);
    drop_others(orders, duties);
    const hosted_stage::experts experts = open(around, duties, entries);
    for (const stage_order& order : orders.stages) {
      hosted_stage& stage = hold(around, order);
      if (const auto heritage = stage.assume(around, order, experts, self_->system()))
        done.taken_over.push_back(*heritage);
      doors.emplace(order.first, stage.open_doors());
      if (order.leads)
        entries.blocks.emplace_back(layer_range{order.first, order.last}, stage.open_doors().block);
    }
  } catch (const std::bad_alloc&) {
    return fmt::format(
        "memory for {} stages with {} KV pages and {} sets of experts could not be had",
        orders.stages.size(), orders.kv_pages, duties.held.size());
  }
  wiring_.expert_entries->set(orders.epoch, std::move(entries));
  wiring_.doors->set(orders.epoch, std::move(doors));
  wiring_.store->clear();  // what nobody has ordered
  return {};
}

void worker_state::load(const hosted_stage::surroundings& around, const node_orders& orders,
                        const expert_duties& duties) {
  for (const stage_order& order : orders.stages) (void)hold(around, order);
  for (const std::vector<expert_range>& owned : duties.held) (void)hold(around, owned);
}

void worker_state::drop_others(const node_orders& orders, const expert_duties& duties) {
  std::erase_if(stages_, [&](const auto& held) {
    const bool goes = std::ranges::none_of(orders.stages, [&](const stage_order& o) {
      return layer_range{o.first, o.last} == held.second->layers();
    });
    if (goes) held.second->leave_pages();
    return goes;
  });
  std::erase_if(experts_, [&](const auto& held) {
    return std::ranges::find(duties.held, held->owned()) == duties.held.end();
  });
}

hosted_stage::experts worker_state::open(const hosted_stage::surroundings& around,
                                         const expert_duties& duties,
                                         expert_doors::openings& entries) {
  hosted_stage::experts out;
  if (!around.experts_apart) return out;
  out.routes = std::make_shared<const std::vector<expert_route>>(duties.routes);
  for (const std::vector<expert_range>& owned : duties.held)
    out.here.emplace_back(owned, hold(around, owned).serve(around, self_->system()));
  for (std::uint32_t route = 0; route < duties.routes.size(); ++route) {
    const auto& server = duties.served_by[route];
    if (!server) continue;
    const auto& actor = hold(around, duties.held[*server]).serve(around, self_->system());
    entries.shards.emplace(route, actor);
  }
  return out;
}

hosted_stage& worker_state::hold(const hosted_stage::surroundings& around,
                                 const stage_order& order) {
  const layer_range layers{order.first, order.last};
  auto& stage = stages_[order.first];
  const bool with_experts = !around.experts_apart;
  if (stage != nullptr && stage->layers() == layers && stage->has_experts() == with_experts)
    return *stage;
  if (auto loaded = wiring_.store->take(layers, around.node.kv_pages, with_experts))
    stage = std::make_unique<hosted_stage>(around, std::move(*loaded));
  else
    stage = std::make_unique<hosted_stage>(around, layers);
  return *stage;
}

hosted_experts& worker_state::hold(const hosted_stage::surroundings& around,
                                   const std::vector<expert_range>& owned) {
  const auto held = std::ranges::find_if(
      experts_, [&](const auto& experts) { return experts->owned() == owned; });
  if (held != experts_.end()) return **held;
  if (auto loaded = wiring_.store->take(owned))
    experts_.push_back(std::make_unique<hosted_experts>(around, std::move(*loaded)));
  else
    experts_.push_back(std::make_unique<hosted_experts>(around, owned));
  return *experts_.back();
}

void worker_state::on_leave() {
  // Said first: the connection breaks next, and to clear takes as long as to look at why.
  wiring_.ended->store(worker_runtime::end::drained);
  stages_.clear();
  experts_.clear();
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
      [self](const node_orders& orders) -> caf::result<orders_done> {
        return self->state.on_orders(orders);
      },
      [self](leave_atom) { self->state.on_leave(); },
      [self](tick_atom) { self->state.pump(); },
  };
}

}  // namespace troupe
