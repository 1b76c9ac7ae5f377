#include "actors/gateway/completion_handler.hpp"

#include <boost/asio/post.hpp>
#include <charconv>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "actors/gateway/answer_relay.hpp"
#include "actors/gateway/completion_watch.hpp"
#include "actors/gateway/handlers.hpp"
#include "actors/gateway/server_core.hpp"
#include "actors/gateway/session_context.hpp"

namespace troupe::gateway {
namespace {

constexpr std::size_t longest_id = 128;

api_protocol protocol_of(route target) {
  switch (target) {
    case route::completions:
    case route::resume_completion:
      return api_protocol::completions;
    case route::dashscope_generation:
    case route::resume_dashscope:
      return api_protocol::dashscope;
    default:
      return api_protocol::chat;
  }
}

/// How many events the client has had; none: what it says is no number.
std::optional<std::uint64_t> events_had(const std::optional<std::string>& said) {
  std::uint64_t number = 0;
  if (!said) return number;
  const char* const end = said->data() + said->size();
  const auto [stop, failed] = std::from_chars(said->data(), end, number);
  if (failed != std::errc() || stop != end) return std::nullopt;
  return number;
}

/// Of what a resumed stream is made, while the answer is being looked for.
struct resumption {
  std::shared_ptr<answer_relay> relay;
  std::shared_ptr<completion_watch> watch;
  std::shared_ptr<generation_service> service;  ///< keeps what `context` borrows
  api_context context;
  answer_recall* recall;
  api_protocol protocol;
  std::uint64_t after;
};

void go_on(const resumption& r, const result<recalled_answer>& found) {
  if (!r.relay->wanted()) return;
  if (!found) return r.relay->fail(to_api_error(found.error()));
  r.relay->attach(completion_session::resume(r.context, *r.recall, r.protocol, *found, r.after,
                                             r.relay, r.watch));
}

/// Whoever brings the answer must not be held up by a prompt's text.
void hand_to_pool(server_core& core, const std::shared_ptr<const resumption>& r,
                  const result<recalled_answer>& found) {
  if (!core.pool().post([r, found] { go_on(*r, found); })) r->relay->fail(too_busy());
}

api_error not_found(std::string_view why) {
  return to_api_error({errc::not_found, std::string(why)});
}

}  // namespace

std::optional<answer> refuse_beyond_limits(const http_request& request,
                                           const std::shared_ptr<live_key>& key) {
  const auto refused = key ? count_request(*key) : std::nullopt;
  if (!refused) return std::nullopt;
  answer a = refusal_to(request, *refused);
  for (auto& header : rate_headers(*key)) a.headers.push_back(std::move(header));
  return a;
}

void complete(server_core& core, const std::shared_ptr<connection>& client,
              const std::shared_ptr<live_key>& key) {
  if (const auto refused = refuse_beyond_limits(client->request(), key))
    return client->respond(*refused);
  const auto relay = std::make_shared<answer_relay>(core.io(), client, core.limits().output_bytes);
  const completion_caller caller{key, core.backend().queue};
  const auto watch = std::make_shared<completion_watch>(core.metrics(), relay, caller);
  const api_protocol protocol = protocol_of(client->request().target);
  const bool events = client->request().dashscope_events;
  const bool posted =
      core.pool_for(client->request().body.size())
          .post([relay, watch, caller, protocol, events, body = client->take_body(),
                 lease = client->take_lease(), service = core.backend().service,
                 context = session_context(core.backend(), core.config(), key)]() mutable {
            context.tenant = caller.account();
            context.rank = caller.rank();
            context.admit = [watch = watch.get()](const generation_cost& cost) {
              return watch->admit(cost);
            };
            if (!relay->wanted()) return;
            relay->attach(
                completion_session::begin(context, {protocol, body, events}, relay, watch));
          });
  if (!posted) return client->respond(refusal_to(client->request(), too_busy()));
  client->watch(watch);
}

void resume(server_core& core, const std::shared_ptr<connection>& client,
            const std::shared_ptr<live_key>& key) {
  const http_request& request = client->request();
  const server_backend& backend = core.backend();
  if (backend.recall == nullptr)
    return client->respond(refusal_to(
        request,
        not_found("this server keeps no answers to come back for; gateways of a cluster do")));
  const auto after = events_had(request.starting_after);
  const routed found = find_route(request.method, request.path);
  if (found.argument.size() > longest_id)
    return client->respond(refusal_to(request, not_found("no response has so long an id")));
  if (!after) {
    const auto wrong =
        refuse("starting_after", "must be the id of the last event that came, got '{}'",
               request.starting_after->substr(0, 32));
    return client->respond(refusal_to(request, wrong.value()));
  }
  const auto relay = std::make_shared<answer_relay>(core.io(), client, core.limits().output_bytes);
  // It was let in, and counted, when it was first asked for; no queue knows its number.
  const completion_caller caller{key, {}};
  const auto watch = std::make_shared<completion_watch>(core.metrics(), relay, caller);
  api_context context = session_context(backend, core.config(), key);
  context.service = backend.engine.get();
  const auto r = std::make_shared<const resumption>(
      resumption{relay, watch, backend.engine, std::move(context), backend.recall,
                 protocol_of(request.target), *after});
  client->watch(watch);
  backend.recall->recall(
      std::string(found.argument),
      [r, home = core.weak_from_this(), at = core.io()](result<recalled_answer> answer) {
        if (const auto io = at.lock())
          boost::asio::post(*io, [r, home, answer = std::move(answer)] {
            if (const auto alive = home.lock()) hand_to_pool(*alive, r, answer);
          });
      });
}

}  // namespace troupe::gateway
