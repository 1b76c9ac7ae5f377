#pragma once

#include <memory>

namespace troupe::gateway {

class connection;
class server_core;

/// POST /v1/chat/completions and /v1/completions. Io thread; parsing goes to the pool.
void complete(server_core& core, const std::shared_ptr<connection>& client);

}  // namespace troupe::gateway
