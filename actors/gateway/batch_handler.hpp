#pragma once

#include <memory>

#include "runtime/keys/live_key.hpp"

namespace troupe::gateway {

class connection;
class server_core;

/// Everything below /v1/batches, for whoever `key` belongs to. Io thread; the work goes to the
/// pool.
void answer_batches(server_core& core, const std::shared_ptr<connection>& client,
                    const std::shared_ptr<live_key>& key);

}  // namespace troupe::gateway
