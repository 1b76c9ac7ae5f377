#include "tests/actors/gateway/scripted_service.hpp"

#include <utility>
#include <vector>

namespace troupe::test {
namespace {
constexpr std::chrono::seconds patience{10};
}

scripted_service::scripted_service(std::uint32_t hold_at)
    : hold_at_(hold_at), worker_([this] { run(); }) {}

scripted_service::~scripted_service() {
  {
    const std::scoped_lock lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  worker_.join();
}

result<request_id> scripted_service::submit(generation_request request,
                                            std::shared_ptr<generation_listener> listener) {
  const std::scoped_lock lock(mutex_);
  if (refusal_) return fail(*refusal_);
  jobs_.emplace(++last_, job{std::move(request), std::move(listener)});
  changed_.notify_all();
  return last_;
}

void scripted_service::cancel(request_id id) {
  std::unique_lock lock(mutex_);
  const auto found = jobs_.find(id);
  if (found == jobs_.end()) return;
  const job dropped = std::move(found->second);
  jobs_.erase(found);
  ++cancelled_;
  changed_.notify_all();
  lock.unlock();
}

engine_stats scripted_service::stats() const {
  const std::scoped_lock lock(mutex_);
  engine_stats s;
  s.requests_running = jobs_.size();
  s.kv_usage = 0.25;
  s.prompt_tokens = 12;
  return s;
}

void scripted_service::refuse_with(std::optional<error> refusal) {
  const std::scoped_lock lock(mutex_);
  refusal_ = std::move(refusal);
}

void scripted_service::release() {
  const std::scoped_lock lock(mutex_);
  hold_at_ = UINT32_MAX;
  changed_.notify_all();
}

bool scripted_service::wait_cancelled(std::size_t count) {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, patience, [&] { return cancelled_ >= count; });
}

bool scripted_service::wait_submitted(std::size_t count) {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, patience, [&] { return last_ >= count; });
}

bool scripted_service::wait_idle() {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, patience, [&] { return jobs_.empty(); });
}

void scripted_service::run() {
  std::unique_lock lock(mutex_);
  while (!stopping_)
    if (!step(lock)) changed_.wait_for(lock, patience);
}

bool scripted_service::step(std::unique_lock<std::mutex>& lock) {
  struct turn {
    request_id id;
    std::shared_ptr<generation_listener> listener;
    std::vector<token_event> events;
    generation_summary summary;
    bool last;
  };
  std::vector<turn> turns;
  for (auto& [id, j] : jobs_) {
    if (j.next >= hold_at_) continue;
    turn t{id, j.listener, {}, {}, j.next + 1 >= j.request.max_tokens};
    for (std::uint32_t choice = 0; choice < j.request.choices; ++choice) {
      token_event e;
      e.choice = choice;
      e.index = j.next;
      e.token = j.request.prompt[j.next % j.request.prompt.size()];
      e.finish = t.last ? finish_reason::length : finish_reason::none;
      t.events.push_back(e);
    }
    ++j.next;
    t.summary.prompt_tokens = static_cast<std::uint32_t>(j.request.prompt.size());
    t.summary.completion_tokens = j.next * j.request.choices;
    turns.push_back(std::move(t));
  }
  // Without letting go of the lock, so that no submission is missed before the wait.
  if (turns.empty()) return false;
  lock.unlock();
  // Called without the lock, as sessions cancel from inside.
  for (const turn& t : turns) {
    t.listener->on_tokens(t.events);
    if (t.last) t.listener->on_done(t.summary);
  }
  lock.lock();
  for (turn& t : turns)
    if (t.last) jobs_.erase(t.id);
  changed_.notify_all();
  lock.unlock();
  turns.clear();
  lock.lock();
  return true;
}

}  // namespace troupe::test
