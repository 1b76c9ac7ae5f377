#include "actors/engine/request_desk.hpp"

#include <utility>

#include "actors/gateway_bridge.hpp"

namespace troupe {

void request_desk::open(caf::actor_system& system, const batcher_actor& batcher,
                        std::uint32_t context) {
  context_ = context;
  gateway_ = system.spawn(gateway_bridge, batcher, listeners_);
}

void request_desk::close() {
  board_->set_healthy(false);
  listeners_->close({errc::unavailable, "the engine is shutting down"});
  if (gateway_) caf::anon_send_exit(gateway_, caf::exit_reason::user_shutdown);
  gateway_ = gateway_actor();
}

result<request_id> request_desk::submit(generation_request request,
                                        std::shared_ptr<generation_listener> listener) {
  const std::uint64_t positions = std::uint64_t{request.prompt.size()} + request.max_tokens;
  if (positions > context_) {
    return fail(errc::out_of_range,
                "{} prompt tokens and {} to draw are more than the context of {} tokens",
                request.prompt.size(), request.max_tokens, context_);
  }
  if (!board_->healthy()) return fail(errc::unavailable, "the engine is not running");
  auto asked = std::make_shared<const generation_request>(std::move(request));
  const auto id = listeners_->add(std::move(listener), asked);
  if (!id) return fail(id.error());
  caf::anon_send(gateway_, request_envelope{*id, std::move(asked)});
  return *id;
}

void request_desk::cancel(request_id id) {
  listeners_->remove(id);
  caf::anon_send(gateway_, cancel_atom::value, id);
}

}  // namespace troupe
