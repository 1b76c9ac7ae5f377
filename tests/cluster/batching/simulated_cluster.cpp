// The coordinator of a simulated cluster: the scheduler, its questions, and what it hears of
// failures.
#include "tests/cluster/batching/simulated_cluster.hpp"

#include <doctest/doctest.h>

#include <algorithm>

namespace troupe::test {
namespace {

constexpr std::uint64_t coordinator = 0;
/// Much more than anything takes that arrives at all.
constexpr std::uint64_t deadline = 2000;
constexpr std::uint32_t most_detection = 100;

}  // namespace

simulated_cluster::simulated_cluster(const settings& s, std::unique_ptr<draft_source> drafts)
    : scheduler(s.limits, 3, std::move(drafts)),
      settings_(s),
      random_(s.seed),
      durable_(s.stages, 0) {
  if (settings_.least_pages == 0) settings_.least_pages = s.limits.pages;
  route first;
  for (std::uint32_t i = 0; i < s.stages; ++i) {
    first.push_back(std::make_shared<node>(
        node{next_id_++, true,
             simulated_stage(s.limits.page_size, s.limits.pages, s.limits.reuse_prefixes, epoch_),
             nullptr}));
  }
  stages_ = std::make_shared<const route>(std::move(first));
  for (std::uint32_t i = 0; i < s.stages; ++i) find_buddy(i);
}

batch_scheduler::time_point simulated_cluster::now() const {
  return batch_scheduler::time_point(std::chrono::microseconds(time_));
}

void simulated_cluster::after(std::uint64_t delay, std::function<void()> what) {
  events_.push({time_ + delay, next_event_++, std::move(what)});
}

void simulated_cluster::send(std::uint64_t from, std::uint64_t to, std::uint64_t delay,
                             std::function<void()> what) {
  std::uint64_t& last = arrivals_[{from, to}];
  last = std::max(last, time_ + delay);
  events_.push({last, next_event_++, std::move(what)});
}

bool simulated_cluster::step() {
  if (events_.empty()) return false;
  const event next = events_.top();
  events_.pop();
  time_ = next.at;
  next.what();
  return true;
}

void simulated_cluster::run() {
  for (int i = 0; step(); ++i) REQUIRE(i < 400'000);
  // The last acknowledgements may have been lost: a buddy that is asked gives them again.
  for (std::uint32_t i = 0; i < stages_->size(); ++i) {
    const std::shared_ptr<buddy> b = stages_->at(i)->follower;
    if (b != nullptr && b->alive) on_durable(i, b, b->replica.applied);
  }
  for (int i = 0; step(); ++i) REQUIRE(i < 400'000);
  // Marked prefixes are over by then.
  after(2'000'000, [this] { pump(); });
  for (int i = 0; step(); ++i) REQUIRE(i < 400'000);
}

result<void> simulated_cluster::add(request_id id, generation_request request) {
  answers.all[id];
  auto added =
      scheduler.add(id, std::make_shared<const generation_request>(std::move(request)), now());
  pump();
  return added;
}

void simulated_cluster::cancel(request_id id) {
  scheduler.cancel(id);
  answers.all.erase(id);
  pump();
}

void simulated_cluster::pump() {
  for (;;) {
    auto action = scheduler.next(now());
    if (const auto* request = std::get_if<cache_request>(&action)) return ask_managers(*request);
    if (const auto* ask = std::get_if<draft_ask>(&action)) return ask_drafter(*ask);
    const auto* plan = std::get_if<plan_ptr>(&action);
    if (plan == nullptr) return;
    begin_step(*plan);
  }
}

void simulated_cluster::begin_step(const plan_ptr& plan) {
  REQUIRE(plan->epoch == epoch_);
  REQUIRE_FALSE(reconciling_);
  std::set<sequence_id> used;
  step_shapes.emplace_back();
  for (const sequence_run& run : plan->runs) {
    REQUIRE(used.insert(run.sequence).second);
    for (const auto& [id, others] : under_way_) REQUIRE_FALSE(others.contains(run.sequence));
    step_shapes.back().push_back(run.tokens.size());
  }
  under_way_.emplace(plan->id, std::move(used));
  ++counted.steps;
  counted.rows += plan->rows();
  counted.most_under_way = std::max(counted.most_under_way, under_way_.size());
  after(deadline, [this, id = plan->id, epoch = epoch_] {
    if (epoch == epoch_ && under_way_.contains(id)) recover();
  });
  if (settings_.lose_steps && chance(100) == 0) {
    ++counted.lost_steps;
    return;
  }
  deliver(stages_, 0, plan, {});
}

void simulated_cluster::ask_managers(const cache_request& request) {
  REQUIRE(request.epoch == epoch_);
  replies_.clear();
  asked_ = request.number;
  reconciling_ = request.reconcile.has_value();
  for (const std::shared_ptr<node>& n : *stages_) {
    if (settings_.lose_steps && chance(400) == 0) continue;
    send(coordinator, n->id, 1 + chance(8), [this, n, request] {
      if (!n->alive) return;
      const auto reply = n->stage.on_request(request);
      if (chance(20) == 0) REQUIRE_FALSE(n->stage.on_request(request).has_value());
      if (!reply) return;
      require_durable(*n, request, *reply);
      send(n->id, coordinator, 1 + chance(8), [this, answered = *reply] {
        if (answered.number != asked_) return scheduler.on_cache(answered);
        replies_.push_back(answered);
        if (replies_.size() < stages_->size()) return;
        reconciling_ = false;
        const cache_reply all = merge(replies_);
        scheduler.on_cache(all);
        if (chance(20) == 0) scheduler.on_cache(all);
        pump();
      });
    });
  }
  after(deadline, [this, number = request.number] {
    if (asked_ == number && replies_.size() < stages_->size()) recover();
  });
}

void simulated_cluster::ask_drafter(const draft_ask& ask) {
  const auto reply = drafter(ask);
  // Now and then none comes in time, or one after its asker has given up.
  after(1 + chance(30), [this, reply] {
    scheduler.on_drafts(reply, now());
    pump();
  });
}

void simulated_cluster::on_result(const step_result& result) {
  if (result.epoch != epoch_) ++counted.late_results;
  if (under_way_.erase(result.id) > 0) last_result_ = std::max(last_result_, result.id);
  answers.take(scheduler.on_step(result, now()));
  const bool any_buddy =
      std::ranges::any_of(*stages_, [](const auto& n) { return n->follower != nullptr; });
  if (!any_buddy) scheduler.on_durable(last_result_);
  pump();
}

void simulated_cluster::on_durable(std::uint32_t stage, const std::shared_ptr<buddy>& from,
                                   step_id step) {
  if (stages_->at(stage)->follower != from) return;
  durable_[stage] = std::max(durable_[stage], step);
  step_id least = step;
  // A stage without a buddy has nothing to lose but what it has not computed: a buddy that joins
  // later has all of the rest.
  for (std::uint32_t i = 0; i < stages_->size(); ++i) {
    const node& n = *stages_->at(i);
    least = std::min(least, n.follower != nullptr ? durable_[i] : n.stage.last_run());
  }
  scheduler.on_durable(least);
  if (chance(8) == 0) scheduler.on_durable(chance(2) == 0 ? least : least / 2);
  pump();
}

void simulated_cluster::kill_primary(std::uint32_t stage) {
  stages_->at(stage)->alive = false;
  after(1 + chance(most_detection), [this] { suspect(); });
}

void simulated_cluster::kill_buddy(std::uint32_t stage) {
  const std::shared_ptr<node> n = stages_->at(stage);
  const std::shared_ptr<buddy> lost = n->follower;
  if (lost == nullptr) return;
  lost->alive = false;
  after(1 + chance(most_detection), [this, n, lost, stage] {
    if (n->follower != lost) return;
    n->follower = nullptr;
    find_buddy(stage);
  });
}

void simulated_cluster::suspect() {
  if (std::ranges::any_of(*stages_, [](const auto& n) { return !n->alive; })) recover();
}

void simulated_cluster::recover() {
  ++epoch_;
  // Those that live have all that gave a result; one that takes a dead one's place has what it
  // applied. Buddies of the living may be further behind and go on with their logs.
  std::optional<step_id> kept = last_result_;
  route next;
  for (std::uint32_t i = 0; i < stages_->size(); ++i) {
    const std::shared_ptr<node> n = stages_->at(i);
    next.push_back(n->alive ? n : replace(i, kept));
  }
  stages_ = std::make_shared<const route>(std::move(next));
  batch_limits limits = settings_.limits;
  for (const std::shared_ptr<node>& n : *stages_)
    limits.pages = std::min(limits.pages, n->stage.manager().pool().total());
  if (settings_.change_limits) {
    limits.max_sequences = 1 + chance(settings_.limits.max_sequences);
    limits.replicated = chance(2) == 0;
    limits.in_flight = 1 + chance(3);
  }
  if (reconciling_) ++counted.unreconciled;
  reconciling_ = false;
  asked_ = 0;
  under_way_.clear();
  REQUIRE(scheduler.begin_epoch(epoch_, kept, limits).empty());
  REQUIRE(scheduler.begin_epoch(epoch_, std::nullopt).empty());  // a repetition is ignored
  for (std::uint32_t i = 0; i < stages_->size(); ++i)
    if (stages_->at(i)->follower == nullptr) find_buddy(i);
  pump();
}

}  // namespace troupe::test
