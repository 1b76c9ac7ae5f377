#pragma once

#include <memory>
#include <optional>

#include "actors/gateway/answer.hpp"
#include "runtime/keys/live_key.hpp"

namespace troupe::gateway {

class connection;
class server_core;

/// Counts a request against the limits of its key; the answer to one that is beyond them. Io
/// thread.
[[nodiscard]] std::optional<answer> refuse_beyond_limits(const http_request& request,
                                                         const std::shared_ptr<live_key>& key);

/// POST to an endpoint that completes prompts, for whoever `key` belongs to. Io thread; parsing
/// goes to the pool.
void complete(server_core& core, const std::shared_ptr<connection>& client,
              const std::shared_ptr<live_key>& key);

/// GET of a response's id below such an endpoint: the rest of a stream whose gateway was lost, or
/// whose connection stalls. Io thread.
void resume(server_core& core, const std::shared_ptr<connection>& client,
            const std::shared_ptr<live_key>& key);

}  // namespace troupe::gateway
