#include "tests/cluster/batching/hand_driven.hpp"

#include <doctest/doctest.h>

#include <numeric>
#include <utility>

namespace troupe::test {

hand_driven::hand_driven(const batch_limits& limits)
    : scheduler(limits, 1), manager({limits.page_size, limits.pages, limits.reuse_prefixes}) {}

result<void> hand_driven::add(request_id id, generation_request request) {
  answers.all[id];
  return scheduler.add(id, std::make_shared<const generation_request>(std::move(request)), now_);
}

hand_driven::plan_ptr hand_driven::next_step() {
  for (int i = 0; i < 100; ++i) {
    auto action = scheduler.next(now_);
    if (auto* plan = std::get_if<plan_ptr>(&action)) {
      ++steps;
      return *plan;
    }
    const auto* request = std::get_if<cache_request>(&action);
    if (request == nullptr) return nullptr;
    requests.push_back(*request);
    scheduler.on_cache(answer(manager, *request));
  }
  FAIL("the scheduler asks its cache manager without end");
  return nullptr;
}

std::vector<hand_driven::plan_ptr> hand_driven::next_steps() {
  std::vector<plan_ptr> all;
  while (plan_ptr plan = next_step()) all.push_back(std::move(plan));
  return all;
}

void hand_driven::finish(const plan_ptr& plan, token_id token) {
  step_result r;
  r.id = plan->id;
  r.epoch = plan->epoch;
  r.samples.resize(plan->samples.size(), {token, {}});
  for (const score_point& p : plan->scores) r.scores.push_back({static_cast<float>(p.target), {}});
  answers.take(scheduler.on_step(r, now_));
}

void hand_driven::run(bool durable) {
  while (const plan_ptr plan = next_step()) {
    finish(plan);
    if (durable) scheduler.on_durable(plan->id);
    REQUIRE(steps < 10'000);
  }
}

generation_request counting_request(std::size_t prompt, std::uint32_t tokens, token_id from) {
  generation_request r;
  r.prompt.resize(prompt);
  std::iota(r.prompt.begin(), r.prompt.end(), from);
  r.max_tokens = tokens;
  return r;
}

}  // namespace troupe::test
