#include "actors/gateway/completion_handler.hpp"

#include <chrono>
#include <cstdint>
#include <random>
#include <string>
#include <utility>

#include "actors/gateway/answer_relay.hpp"
#include "actors/gateway/completion_watch.hpp"
#include "actors/gateway/handlers.hpp"
#include "actors/gateway/server_core.hpp"

namespace troupe::gateway {
namespace {

std::uint64_t draw() {
  std::random_device source;
  const std::uint64_t high = source();
  return (high << 32U) | source();
}

std::int64_t unix_time() {
  using namespace std::chrono;
  return duration_cast<seconds>(system_clock::now().time_since_epoch()).count();
}

api_context context_for(const server_backend& backend, const http_limits& limits) {
  api_context context;
  context.model = backend.model;
  context.service = backend.service.get();
  context.random = draw;
  context.now = unix_time;
  context.limits.body_bytes = limits.body_bytes;
  return context;
}

std::shared_ptr<completion_session> begin(route target, const api_context& context,
                                          std::string_view body, bool events,
                                          std::shared_ptr<response_sink> sink,
                                          std::shared_ptr<session_observer> observer) {
  if (target == route::chat_completions)
    return completion_session::chat(context, body, std::move(sink), std::move(observer));
  if (target == route::completions)
    return completion_session::completions(context, body, std::move(sink), std::move(observer));
  return completion_session::dashscope(context, body, events, std::move(sink), std::move(observer));
}

}  // namespace

void complete(server_core& core, const std::shared_ptr<connection>& client,
              const std::shared_ptr<live_key>& key) {
  if (key) {
    if (const auto refused = count_request(*key)) {
      answer a = refusal_to(client->request(), *refused);
      for (auto& header : rate_headers(*key)) a.headers.push_back(std::move(header));
      return client->respond(a);
    }
  }
  const auto relay = std::make_shared<answer_relay>(core.io(), client, core.limits().output_bytes);
  const completion_caller caller{key, core.backend().service, core.backend().queue};
  const auto watch = std::make_shared<completion_watch>(core.metrics(), relay, caller);
  const route target = client->request().target;
  const bool events = client->request().dashscope_events;
  const bool posted =
      core.pool().post([relay, watch, caller, target, events, body = client->take_body(),
                        lease = client->take_lease(),
                        context = context_for(core.backend(), core.limits())]() mutable {
        context.account = caller.account();
        context.rank = caller.rank();
        context.admit = [watch = watch.get()](const generation_cost& cost) {
          return watch->admit(cost);
        };
        if (!relay->wanted()) return;
        relay->attach(begin(target, context, body, events, relay, watch));
      });
  if (!posted) return client->respond(refusal_to(client->request(), too_busy()));
  client->watch(watch);
}

}  // namespace troupe::gateway
