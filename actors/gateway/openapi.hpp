#pragma once

#include <string_view>

namespace troupe::gateway {

/// The OpenAPI 3.1 document of GET /openapi.json: actors/gateway/openapi.json, as it was when the
/// program was built.
[[nodiscard]] std::string_view openapi_document();

}  // namespace troupe::gateway
