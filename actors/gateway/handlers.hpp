#pragma once

#include <memory>

#include "runtime/api/api_error.hpp"

namespace troupe::gateway {

class connection;
class server_core;

/// Answers the connection's request, now or later. Io thread.
void handle(server_core& core, const std::shared_ptr<connection>& client);

/// 503: there is no model yet.
[[nodiscard]] api_error loading();
/// 429: as many requests as the server holds are waiting to be parsed.
[[nodiscard]] api_error too_busy();

}  // namespace troupe::gateway
