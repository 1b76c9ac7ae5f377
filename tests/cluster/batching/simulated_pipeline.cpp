// The stages of a simulated cluster, their buddies, and who takes the place of the dead.
#include <doctest/doctest.h>

#include <algorithm>

#include "tests/cluster/batching/simulated_cluster.hpp"

namespace troupe::test {
namespace {

constexpr std::uint64_t coordinator = 0;

}  // namespace

std::shared_ptr<simulated_cluster::node> simulated_cluster::replace(std::uint32_t stage,
                                                                    std::optional<step_id>& kept) {
  const std::shared_ptr<buddy> b = stages_->at(stage)->follower;
  durable_[stage] = 0;
  const bool reuse = settings_.limits.reuse_prefixes;
  if (b != nullptr && b->alive) {
    ++counted.promoted;
    b->alive = false;  // as a buddy
    if (kept) kept = std::min(*kept, b->replica.applied);
    return std::make_shared<node>(
        node{b->id, true, simulated_stage(std::move(b->replica), reuse, epoch_), nullptr});
  }
  ++counted.placed_anew;
  kept = std::nullopt;
  const std::uint32_t least = settings_.least_pages;
  const std::uint32_t pages = least + chance(settings_.limits.pages - least + 1);
  return std::make_shared<node>(
      node{next_id_++, true, simulated_stage(settings_.limits.page_size, pages, reuse, epoch_),
           nullptr});
}

void simulated_cluster::find_buddy(std::uint32_t stage) {
  if (!settings_.buddies) return;
  const std::shared_ptr<node> n = stages_->at(stage);
  const auto join = [this, n, stage] {
    if (!n->alive || n->follower != nullptr || stages_->at(stage) != n) return;
    n->follower = std::make_shared<buddy>(buddy{next_id_++, true, n->stage.snapshot()});
    durable_[stage] = n->stage.last_run();
  };
  if (time_ == 0) return join();
  after(chance(600), join);
}

void simulated_cluster::deliver(const std::shared_ptr<const route>& way, std::uint32_t stage,
                                const plan_ptr& plan, const simulated_stage::rows& hidden) {
  const std::uint64_t from = stage == 0 ? coordinator : way->at(stage - 1)->id;
  const std::shared_ptr<node> to = way->at(stage);
  const auto arrive = [this, way, stage, to, plan, hidden] {
    if (!to->alive || !to->stage.take(plan, hidden)) return;
    send(to->id, to->id, chance(15), [this, way, stage] { run_stage(way, stage); });
  };
  send(from, to->id, 1 + chance(5), arrive);
  if (chance(30) == 0) send(from, to->id, 1 + chance(5), arrive);
}

void simulated_cluster::run_stage(const std::shared_ptr<const route>& way, std::uint32_t stage) {
  const std::shared_ptr<node> n = way->at(stage);
  if (!n->alive) return;
  const auto done = n->stage.run();
  if (!done) return;
  log(stage, n, done->record);
  if (stage + 1 < way->size()) return deliver(way, stage + 1, done->plan, done->hidden);
  finish_step(*n, done->plan, done->hidden);
}

void simulated_cluster::log(std::uint32_t stage, const std::shared_ptr<node>& from,
                            const stage_record& record) {
  const std::shared_ptr<buddy> b = from->follower;
  if (b == nullptr) return;
  const auto arrive = [this, stage, b, record] {
    if (!b->alive || !b->replica.apply(record) || chance(6) == 0) return;
    const auto acknowledge = [this, stage, b, step = record.step] { on_durable(stage, b, step); };
    after(1 + chance(40), acknowledge);
    if (chance(10) == 0) after(1 + chance(200), acknowledge);
  };
  send(from->id, b->id, 1 + chance(settings_.buddy_delay), arrive);
  if (chance(20) == 0) send(from->id, b->id, 1, arrive);
}

void simulated_cluster::finish_step(const node& last, const plan_ptr& plan,
                                    const simulated_stage::rows& read) {
  step_result out;
  out.id = plan->id;
  out.epoch = plan->epoch;
  for (const sample_point& p : plan->samples) {
    REQUIRE(p.history_length == plan->runs[p.run].first + p.offset + 1);
    out.samples.push_back({draw_after(read[p.run][p.offset], p.choice, *p.params), {}});
  }
  for (const score_point& p : plan->scores)
    out.scores.push_back({static_cast<float>(p.target), {}});
  const auto arrive = [this, out] { on_result(out); };
  send(last.id, coordinator, 1 + chance(5), arrive);
  if (chance(20) == 0) after(chance(300), arrive);
}

void simulated_cluster::require_durable(const node& n, const cache_request& request,
                                        const cache_reply& reply) const {
  if (settings_.change_limits || n.follower == nullptr || !n.follower->alive) return;
  for (std::size_t i = 0; i < request.opens.size(); ++i) {
    const page_table table = n.stage.manager().table(request.opens[i].sequence).value();
    for (std::uint32_t position = 0; position < reply.cached[i]; ++position) {
      const kv_slot& here = n.stage.store().at(*table, position);
      REQUIRE(here == n.follower->replica.store.at(*table, position));
      REQUIRE(here.after != 0);
    }
  }
}

void simulated_cluster::require_empty() const {
  for (const std::shared_ptr<node>& n : *stages_) {
    const kv_manager& m = n->stage.manager();
    REQUIRE(m.open_sequences() == 0);
    REQUIRE(m.pool().available() == m.pool().total());
  }
}

}  // namespace troupe::test
