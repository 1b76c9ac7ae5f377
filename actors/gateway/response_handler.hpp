#pragma once

#include <memory>

#include "runtime/keys/live_key.hpp"

namespace troupe::gateway {

class connection;
class server_core;

/// POST /v1/responses, for whoever `key` belongs to. Io thread; the work goes to the pool.
void create_response(server_core& core, const std::shared_ptr<connection>& client,
                     const std::shared_ptr<live_key>& key);
/// GET, DELETE, cancel and input_items of a response. Io thread; the work goes to the pool.
void answer_response(server_core& core, const std::shared_ptr<connection>& client,
                     const std::shared_ptr<live_key>& key);

}  // namespace troupe::gateway
