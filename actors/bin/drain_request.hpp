#pragma once

#include <chrono>
#include <string>

#include "actors/bin/http_call.hpp"
#include "runtime/base/result.hpp"

namespace troupe::cli {

/// Asks a server to drain a node of its cluster; returns when it has begun. Fails with what the
/// server says: not_found where there is no such node or no cluster, exhausted where the others
/// have no room; else like http_post.
[[nodiscard]] result<void> request_drain(const server_address& server, const std::string& node,
                                         std::chrono::milliseconds limit);

}  // namespace troupe::cli
