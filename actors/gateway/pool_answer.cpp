#include "actors/gateway/pool_answer.hpp"

#include <boost/asio/post.hpp>
#include <string>
#include <utility>

#include "actors/gateway/handlers.hpp"
#include "actors/gateway/server_core.hpp"

namespace troupe::gateway {

void answer_from_pool(server_core& core, const std::shared_ptr<connection>& client,
                      std::function<answer(std::string_view body)> make) {
  work_pool& pool = core.pool_for(client->request().body.size());
  const bool posted =
      pool.post([make = std::move(make), body = client->take_body(), lease = client->take_lease(),
                 io = core.io(), weak = std::weak_ptr(client)]() mutable {
        answer made = make(body);
        // Before the answer leaves, so that its client's next request finds the room again.
        body = std::string();
        lease.give_back();
        if (const auto context = io.lock())
          boost::asio::post(*context, [weak, made = std::move(made)] {
            if (const auto still = weak.lock()) still->respond(made);
          });
      });
  if (!posted) client->respond(refusal(too_busy()));
}

}  // namespace troupe::gateway
