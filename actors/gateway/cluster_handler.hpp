#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "runtime/api/api_error.hpp"

namespace troupe::gateway {

class connection;
class server_core;

/// GET /cluster and POST /cluster/drain; 404 where the server is no cluster. Io thread.
void answer_cluster(server_core& core, const std::shared_ptr<connection>& client);

/// The node that `{"node": NAME}` names. Any thread.
[[nodiscard]] api_result<std::string> drain_target(std::string_view body);

}  // namespace troupe::gateway
