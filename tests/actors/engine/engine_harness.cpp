#include "tests/actors/engine/engine_harness.hpp"

#include <doctest/doctest.h>

#include <random>

#include "tests/support/paths.hpp"

namespace troupe::test {

void answer_collector::on_prompt_scored(std::span<const token_logprob> logprobs) {
  const std::lock_guard lock(mutex_);
  content_.scores.assign(logprobs.begin(), logprobs.end());
}

void answer_collector::on_tokens(std::span<const token_event> events) {
  const std::lock_guard lock(mutex_);
  for (const token_event& e : events) content_.events[e.choice].push_back(e);
  tokens_ += events.size();
  changed_.notify_all();
}

void answer_collector::on_done(const generation_summary& summary) {
  const std::lock_guard lock(mutex_);
  summary_ = summary;
  changed_.notify_all();
}

void answer_collector::on_error(const error& e) {
  const std::lock_guard lock(mutex_);
  error_ = e;
  changed_.notify_all();
}

bool answer_collector::wait(std::chrono::seconds deadline) {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, deadline, [&] { return summary_ || error_; });
}

bool answer_collector::wait_tokens(std::size_t count, std::chrono::seconds deadline) {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, deadline, [&] { return tokens_ >= count || error_; }) && !error_;
}

answer_collector::content answer_collector::take() const {
  const std::lock_guard lock(mutex_);
  return content_;
}

std::optional<generation_summary> answer_collector::summary() const {
  const std::lock_guard lock(mutex_);
  return summary_;
}

std::optional<error> answer_collector::failure() const {
  const std::lock_guard lock(mutex_);
  return error_;
}

engine_config tiny_config() {
  engine_config c;
  c.threads = 2;
  c.actor_threads = 2;
  c.kv_bytes = 4U << 20U;
  c.max_sequences = 32;
  c.context = 512;
  return c;
}

std::unique_ptr<embedded_runtime> start(const std::string& tiny_model,
                                        const engine_config& config) {
  auto engine = embedded_runtime::start(reference() / "models" / tiny_model, config);
  if (!engine) FAIL(engine.error().message());
  return std::move(*engine);
}

std::vector<answer_collector::content> run_all(embedded_runtime& engine,
                                               const std::vector<generation_request>& requests) {
  std::vector<std::shared_ptr<answer_collector>> collectors;
  for (const generation_request& r : requests) {
    collectors.push_back(std::make_shared<answer_collector>());
    const auto id = engine.submit(r, collectors.back());
    if (!id) FAIL(id.error().message());
  }
  std::vector<answer_collector::content> answers;
  for (const auto& c : collectors) {
    REQUIRE(c->wait());
    if (c->failure()) FAIL(c->failure()->message());
    answers.push_back(c->take());
  }
  return answers;
}

std::vector<generation_request> varied_requests(std::size_t count, std::uint32_t vocab) {
  std::mt19937 random(20);
  std::vector<generation_request> all;
  for (std::size_t i = 0; i < count; ++i) {
    generation_request r;
    const std::size_t length = i == 0 ? 70 : 1 + random() % 90;
    for (std::size_t k = 0; k < length; ++k)
      r.prompt.push_back(static_cast<token_id>(random() % vocab));
    r.max_tokens = 12 + random() % 12;
    r.sampling.temperature = i % 3 == 0 ? 0.0F : 0.9F;
    r.sampling.seed = random();
    r.sampling.logprobs = true;
    r.sampling.top_logprobs = 5;
    if (i % 4 == 1) r.sampling.top_p = 0.8F;
    if (i % 4 == 2) r.sampling.top_k = 20;
    if (i % 5 == 3) r.sampling.repetition_penalty = 1.2F;
    if (i % 5 == 4) r.sampling.presence_penalty = 0.5F;
    if (i % 7 == 5) r.choices = 2;
    r.prompt_logprobs = i % 6 == 2;
    if (i % 4 == 3) {
      r.guide.structure = R"({"type":"structural_tag","format":
          {"type":"regex","pattern":"([a-z]{1,8}[ ,.]){2,300}"}})";
      r.stop_tokens = {702};
    }
    if (i % 3 == 1) r.forcing = {-1, 708, 4, {600, 708, 601}};
    all.push_back(std::move(r));
  }
  return all;
}

}  // namespace troupe::test
