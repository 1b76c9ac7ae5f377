#pragma once

#include <string_view>

#include "actors/gateway/router.hpp"

namespace troupe::gateway {

/// The word of key_endpoints() that a key needs for a route; empty: whoever asks is answered.
[[nodiscard]] std::string_view endpoint_of(route r);
/// Whether a route is about the served model, so that the key must be good for that too.
[[nodiscard]] bool needs_model(route r);

}  // namespace troupe::gateway
