#include "actors/gateway/fair_service.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <condition_variable>
#include <mutex>
#include <unordered_map>
#include <utility>
#include <vector>

namespace troupe::gateway {
namespace {

using clock = std::chrono::steady_clock;

/// Of answers whose end is not known, until some have been seen.
constexpr double first_guess_tokens = 256;
/// How much the newest answer counts.
constexpr double newest_share = 1.0 / 16;

}  // namespace

/// Listeners of requests under way may outlive the service.
struct fair_service::shared : std::enable_shared_from_this<shared> {
  struct entry {
    generation_request request;  ///< until it is given to the engine
    std::shared_ptr<generation_listener> listener;
    std::optional<request_id> inner;
    bool runs = false;
    bool cancelled = false;
  };
  class listening;

  shared(std::shared_ptr<generation_service> e, const fair_limits& limits)
      : engine(std::move(e)), queue(limits) {}

  [[nodiscard]] fair_ticket ticket_of(request_id id, const generation_request& asked) const;
  /// Gives the engine what it has room for. The error of request `own`, if it was among it; others
  /// hear of theirs.
  std::optional<error> pump(request_id own);
  [[nodiscard]] result<void> give(request_id id);
  void ended(request_id id);
  void wait_for_expiry(const std::stop_token& stop);
  void close();

  std::shared_ptr<generation_service>
      engine;  ///< null once closed: it holds listeners that hold this
  mutable std::mutex mutex;
  std::condition_variable_any changed;
  fair_queue queue;
  std::unordered_map<request_id, entry> entries;
  request_id last = 0;
  double mean_answer = first_guess_tokens;
  bool closed = false;
};

/// Passes news on, and gives the place back at the end.
class fair_service::shared::listening final : public generation_listener {
 public:
  listening(std::shared_ptr<shared> of, request_id id, std::size_t prompt, std::uint32_t choices,
            std::shared_ptr<generation_listener> to)
      : of_(std::move(of)), id_(id), prompt_(prompt), choices_(choices), to_(std::move(to)) {}

  void on_prompt_scored(std::span<const token_logprob> logprobs) override {
    to_->on_prompt_scored(logprobs);
  }
  void on_prompt_cached(std::uint32_t tokens) override { to_->on_prompt_cached(tokens); }
  void on_prompt_kept(std::uint32_t tokens) override { to_->on_prompt_kept(tokens); }
  void on_tokens(std::span<const token_event> events) override {
    {
      const std::lock_guard lock(of_->mutex);
      drawn_ += events.size();
      of_->queue.worked(events.size() + std::exchange(prompt_, 0), clock::now());
    }
    to_->on_tokens(events);
  }
  void on_done(const generation_summary& summary) override {
    {
      const std::lock_guard lock(of_->mutex);
      const auto answer = static_cast<double>(drawn_) / std::max(choices_, 1U);
      of_->mean_answer += (answer - of_->mean_answer) * newest_share;
    }
    to_->on_done(summary);
    of_->ended(id_);
  }
  void on_error(const error& e) override {
    to_->on_error(e);
    of_->ended(id_);
  }

 private:
  const std::shared_ptr<shared> of_;
  const request_id id_;
  std::size_t prompt_;
  const std::uint32_t choices_;
  const std::shared_ptr<generation_listener> to_;
  std::size_t drawn_ = 0;
};

fair_ticket fair_service::shared::ticket_of(request_id id, const generation_request& asked) const {
  const auto answer = std::min(static_cast<double>(asked.max_tokens), mean_answer);
  const auto cost = static_cast<std::uint64_t>(answer * asked.choices) + asked.prompt.size();
  return {id, asked.account, asked.rank, cost};
}

std::optional<error> fair_service::shared::pump(request_id own) {
  std::optional<error> mine;
  for (;;) {
    std::unique_lock lock(mutex);
    const auto id = closed ? std::nullopt : queue.next();
    if (!id) return mine;
    entry& e = entries.at(*id);
    e.runs = true;
    const std::shared_ptr<generation_listener> listener = e.listener;
    lock.unlock();
    auto given = give(*id);
    if (given) continue;
    if (*id == own)
      mine = std::move(given.error());
    else
      listener->on_error(given.error());
  }
}

result<void> fair_service::shared::give(request_id id) {
  std::unique_lock lock(mutex);
  entry& e = entries.at(id);
  auto listener = std::make_shared<listening>(shared_from_this(), id, e.request.prompt.size(),
                                              e.request.choices, std::move(e.listener));
  generation_request request = std::move(e.request);
  const std::shared_ptr<generation_service> to = engine;
  lock.unlock();
  const auto inner =
      to ? to->submit(std::move(request), std::move(listener))
         : result<request_id>(fail(errc::unavailable, "the server is shutting down"));
  lock.lock();
  const auto still = entries.find(id);
  if (!inner) {
    if (still != entries.end()) entries.erase(still);
    queue.finished();
    return fail(inner.error());
  }
  if (still == entries.end()) return {};  // over already
  still->second.inner = *inner;
  if (!still->second.cancelled) return {};
  entries.erase(still);
  queue.finished();
  lock.unlock();
  to->cancel(*inner);
  return {};
}

void fair_service::shared::ended(request_id id) {
  {
    const std::lock_guard lock(mutex);
    if (entries.erase(id) == 0) return;
    queue.finished();
  }
  (void)pump(0);
}

void fair_service::shared::wait_for_expiry(const std::stop_token& stop) {
  std::unique_lock lock(mutex);
  while (!stop.stop_requested()) {
    const auto next = queue.next_expiry();
    if (!next) {
      changed.wait(lock, stop, [this] { return queue.next_expiry().has_value(); });
      continue;
    }
    changed.wait_until(lock, stop, *next, [] { return false; });
    std::vector<std::shared_ptr<generation_listener>> late;
    for (const std::uint64_t id : queue.expired(clock::now())) {
      late.push_back(std::move(entries.at(id).listener));
      entries.erase(id);
    }
    lock.unlock();
    for (const auto& l : late)
      l->on_error({errc::exhausted, "the request has waited in the queue for too long"});
    late.clear();
    lock.lock();
  }
}

void fair_service::shared::close() {
  std::vector<std::shared_ptr<generation_listener>> waiting;
  std::shared_ptr<generation_service> let_go;
  {
    const std::lock_guard lock(mutex);
    closed = true;
    let_go = std::move(engine);
    for (auto at = entries.begin(); at != entries.end();) {
      const bool waits = queue.withdraw(at->first);
      if (waits) waiting.push_back(std::move(at->second.listener));
      at = waits ? entries.erase(at) : std::next(at);
    }
  }
  for (const auto& l : waiting) l->on_error({errc::unavailable, "the server is shutting down"});
}

fair_service::fair_service(std::shared_ptr<generation_service> engine, const fair_limits& limits)
    : shared_(std::make_shared<shared>(std::move(engine), limits)),
      timer_([s = shared_](const std::stop_token& stop) { s->wait_for_expiry(stop); }) {}

fair_service::~fair_service() { shared_->close(); }

result<request_id> fair_service::submit(generation_request request,
                                        std::shared_ptr<generation_listener> listener) {
  request_id id = 0;
  {
    const std::lock_guard lock(shared_->mutex);
    if (shared_->closed) return fail(errc::unavailable, "the server is shutting down");
    id = ++shared_->last;
    if (!shared_->queue.offer(shared_->ticket_of(id, request), clock::now())) {
      return fail(errc::exhausted, "{} requests wait already, as many as may; try again later",
                  shared_->queue.waiting());
    }
    shared::entry& e = shared_->entries[id];
    e.request = std::move(request);
    e.listener = std::move(listener);
  }
  if (auto failed = shared_->pump(id)) return fail(std::move(*failed));
  shared_->changed.notify_one();
  return id;
}

void fair_service::cancel(request_id id) {
  std::unique_lock lock(shared_->mutex);
  const auto found = shared_->entries.find(id);
  if (found == shared_->entries.end()) return;
  shared::entry& e = found->second;
  if (e.runs && !e.inner) {  // on its way into the engine
    e.cancelled = true;
    return;
  }
  const std::optional<request_id> inner = e.inner;
  // Let go of outside the lock: it may be its last holder.
  const std::shared_ptr<generation_listener> listener = std::move(e.listener);
  shared_->entries.erase(found);
  if (inner)
    shared_->queue.finished();
  else
    (void)shared_->queue.withdraw(id);
  lock.unlock();
  if (!inner) return;
  shared_->engine->cancel(*inner);
  (void)shared_->pump(0);
}

engine_stats fair_service::stats() const {
  engine_stats s = shared_->engine->stats();
  const std::lock_guard lock(shared_->mutex);
  s.requests_waiting += shared_->queue.waiting();
  return s;
}

std::optional<std::chrono::steady_clock::time_point> fair_service::waiting_since() const {
  const std::lock_guard lock(shared_->mutex);
  return shared_->queue.waiting_since();
}

std::optional<api_error> fair_service::refuse(std::uint64_t account, std::uint8_t rank,
                                              const generation_cost& cost) const {
  const std::lock_guard lock(shared_->mutex);
  const auto wait =
      shared_->queue.expected_wait({0, account, rank, cost.prompt_tokens + cost.answer_tokens});
  const fair_queue::seconds most = shared_->queue.limits().longest_wait;
  if (!wait || *wait <= most) return std::nullopt;
  api_error e;
  e.status = 429;
  e.type = "rate_limit_error";
  e.code = "queue_full";
  e.message = fmt::format(
      "the request would wait for about {:.0f} s, and {:.0f} s is the longest wait; try again "
      "later",
      wait->count(), most.count());
  e.retry_after_seconds = static_cast<std::uint32_t>(std::ceil((*wait - most).count()));
  return e;
}

}  // namespace troupe::gateway
