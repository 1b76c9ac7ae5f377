#include "tests/cluster/batching/simulated_engine.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <utility>

#include "tests/cluster/batching/simulated_model.hpp"

namespace troupe::test {

simulated_engine::simulated_engine(const batch_limits& limits, std::uint32_t stages,
                                   std::unique_ptr<draft_source> drafts)
    : scheduler(limits, 3, std::move(drafts)), page_size_(limits.page_size) {
  for (std::uint32_t i = 0; i < stages; ++i) {
    managers.emplace_back(
        kv_manager::settings{limits.page_size, limits.pages, limits.reuse_prefixes});
  }
}

result<void> simulated_engine::add(request_id id, generation_request request) {
  answers.all[id];
  return scheduler.add(id, std::make_shared<const generation_request>(std::move(request)), now_);
}

void simulated_engine::cancel(request_id id) {
  scheduler.cancel(id);
  answers.all.erase(id);
}

token_id simulated_engine::follow(const std::vector<token_id>& tokens, std::uint32_t choice) {
  text_chain text = no_text;
  for (const token_id t : tokens) text = append(text, t);
  return draw_after(text, choice);
}

std::vector<token_id> simulated_engine::expected(const generation_request& r,
                                                 std::uint32_t choice) {
  text_chain text = no_text;
  for (const token_id t : r.prompt) text = append(text, t);
  std::vector<token_id> drawn;
  while (drawn.size() < r.max_tokens) {
    drawn.push_back(forced_token(r.forcing, drawn).value_or(draw_after(text, choice)));
    text = append(text, drawn.back());
    const bool stops = std::ranges::find(r.stop_tokens, drawn.back()) != r.stop_tokens.end();
    if (stops && drawn.size() > r.min_tokens) break;
  }
  return drawn;
}

bool simulated_engine::step() {
  now_ += std::chrono::milliseconds(1);
  auto action = scheduler.next(now_);
  if (const auto* request = std::get_if<cache_request>(&action)) {
    CHECK(request->epoch == 3);
    std::vector<cache_reply> replies;
    for (kv_manager& m : managers) replies.push_back(troupe::answer(m, *request));
    scheduler.on_cache(merge(replies));
    return true;
  }
  if (const auto* ask = std::get_if<draft_ask>(&action)) {
    const auto reply = drafter(*ask);
    now_ += std::chrono::microseconds(10);
    scheduler.on_drafts(reply, now_);
    return true;
  }
  if (const auto* plan = std::get_if<std::shared_ptr<const step_plan>>(&action)) {
    execute(**plan);
    return true;
  }
  return false;
}

void simulated_engine::run() {
  for (int i = 0; step(); ++i) REQUIRE(i < 200'000);
}

void simulated_engine::execute(const step_plan& plan) {
  ++steps;
  most_rows = std::max<std::size_t>(most_rows, plan.rows());
  step_result out;
  out.id = plan.id;
  out.epoch = plan.epoch;
  std::vector<std::vector<std::vector<token_id>>> after(plan.runs.size());
  step_shapes.emplace_back();
  for (std::size_t i = 0; i < plan.runs.size(); ++i) {
    const sequence_run& run = plan.runs[i];
    step_shapes.back().push_back(run.tokens.size());
    for (const kv_manager& m : managers) {
      REQUIRE(m.table(run.sequence).value()->size() * page_size_ >= run.first + run.tokens.size());
    }
    // Read the KV of what came before, as attention would, and write this run's.
    const auto pages = managers.front().table(run.sequence).value();
    std::vector<token_id> context;
    if (run.first > 0)
      context = written_.at({(*pages)[(run.first - 1) / page_size_], (run.first - 1) % page_size_});
    REQUIRE(context.size() == run.first);
    for (std::size_t k = 0; k < run.tokens.size(); ++k) {
      context.push_back(run.tokens[k]);
      const auto position = static_cast<std::uint32_t>(run.first + k);
      written_[{(*pages)[position / page_size_], position % page_size_}] = context;
      after[i].push_back(context);
    }
  }
  for (const sample_point& p : plan.samples) {
    REQUIRE(p.history_length == after[p.run][p.offset].size());
    text_chain text = no_text;
    for (const token_id t : after[p.run][p.offset]) text = append(text, t);
    out.samples.push_back({draw_after(text, p.choice, *p.params), {}});
  }
  for (const score_point& p : plan.scores) out.scores.push_back({static_cast<float>(p.target), {}});
  if (doomed_) cancel(*std::exchange(doomed_, std::nullopt));
  answers.take(scheduler.on_step(out, now_));
}

}  // namespace troupe::test
