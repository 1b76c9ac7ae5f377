#pragma once

#include <memory>

#include "actors/gateway/http_request.hpp"
#include "runtime/api/api_error.hpp"
#include "runtime/keys/live_key.hpp"

namespace troupe::gateway {

class connection;
class server_core;

/// Answers the connection's request, now or later. Io thread.
void handle(server_core& core, const std::shared_ptr<connection>& client);

/// The key that lets the request in, null where it needs none; or why it stays outside. Io thread.
[[nodiscard]] api_result<std::shared_ptr<live_key>> admit(const server_core& core,
                                                          const http_request& request);

/// 503: there is no model yet.
[[nodiscard]] api_error loading();
/// 404: the server keeps nothing that clients come back for.
[[nodiscard]] api_error no_store();
/// 429: as many requests as the server holds are waiting to be parsed.
[[nodiscard]] api_error too_busy();

}  // namespace troupe::gateway
