#include "actors/gateway/session_context.hpp"

#include <fmt/format.h>

#include <chrono>
#include <random>
#include <string>
#include <utility>

namespace troupe::gateway {
namespace {

/// Behind the three ranks of keys.
constexpr std::uint8_t batch_rank = fair_queue::ranks - 1;

}  // namespace

std::uint64_t draw_random() {
  std::random_device source;
  const std::uint64_t high = source();
  return (high << 32U) | source();
}

std::int64_t unix_time() {
  using namespace std::chrono;
  return duration_cast<seconds>(system_clock::now().time_since_epoch()).count();
}

std::string random_name(std::string_view prefix) {
  const std::uint64_t high = draw_random();
  return fmt::format("{}_{:016x}{:016x}", prefix, high, draw_random());
}

api_context session_context(const server_backend& backend, const server_config& config,
                            const std::shared_ptr<live_key>& key) {
  api_context context;
  context.model = backend.model;
  context.service = backend.service.get();
  context.random = draw_random;
  context.now = unix_time;
  context.limits.body_bytes = config.limits.body_bytes;
  context.resumable = backend.recall != nullptr;
  context.account = backend.account;
  if (key) context.account.key = key->name();
  if (key && !config.shared_cache) context.cache_space = key->cache_space();
  return context;
}

unattended_session session_source::background(const std::shared_ptr<live_key>& key) const {
  // Without the queue: who is not waited for may wait.
  const completion_caller caller{key, {}};
  unattended_session out{session_context(backend_, config_, key),
                         std::make_shared<completion_watch>(metrics_, nullptr, caller)};
  out.context.tenant = caller.account();
  out.context.rank = caller.rank();
  out.context.resumable = false;
  out.context.admit = [watch = out.watch.get()](const generation_cost& cost) {
    return watch->admit(cost);
  };
  return out;
}

unattended_session session_source::batch(const std::shared_ptr<live_key>& key) const {
  unattended_session out{
      session_context(backend_, config_, key),
      std::make_shared<completion_watch>(metrics_, nullptr, completion_caller{nullptr, {}})};
  out.context.tenant = completion_caller{key, {}}.account();
  out.context.rank = batch_rank;
  out.context.resumable = false;
  out.context.account.batch = true;
  return out;
}

}  // namespace troupe::gateway
