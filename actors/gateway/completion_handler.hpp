#pragma once

#include <memory>

namespace troupe::gateway {

class connection;
class server_core;

/// POST to an endpoint that completes prompts. Io thread; parsing goes to the pool.
void complete(server_core& core, const std::shared_ptr<connection>& client);

/// GET of a response's id below such an endpoint: the rest of a stream whose gateway was lost, or
/// whose connection stalls. Io thread.
void resume(server_core& core, const std::shared_ptr<connection>& client);

}  // namespace troupe::gateway
