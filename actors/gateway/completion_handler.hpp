#pragma once

#include <memory>

#include "runtime/keys/live_key.hpp"

namespace troupe::gateway {

class connection;
class server_core;

/// POST /v1/chat/completions and /v1/completions, for whoever `key` belongs to. Io thread; parsing
/// goes to the pool.
void complete(server_core& core, const std::shared_ptr<connection>& client,
              const std::shared_ptr<live_key>& key);

}  // namespace troupe::gateway
