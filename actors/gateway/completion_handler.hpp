#pragma once

#include <memory>

#include "runtime/keys/live_key.hpp"

namespace troupe::gateway {

class connection;
class server_core;

/// POST to an endpoint that completes prompts, for whoever `key` belongs to. Io thread; parsing
/// goes to the pool.
void complete(server_core& core, const std::shared_ptr<connection>& client,
              const std::shared_ptr<live_key>& key);

/// GET of a response's id below such an endpoint: the rest of a stream whose gateway was lost, or
/// whose connection stalls. Io thread.
void resume(server_core& core, const std::shared_ptr<connection>& client,
            const std::shared_ptr<live_key>& key);

}  // namespace troupe::gateway
