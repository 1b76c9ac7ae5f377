#pragma once

#include <cstdint>
#include <string_view>

#include "actors/gateway/http_request.hpp"
#include "runtime/api/api_error.hpp"
#include "runtime/objects/file_table.hpp"

namespace troupe::gateway {

/// Reads limit, after and order of a request's query.
[[nodiscard]] api_result<list_window> read_window(const http_request& request, std::uint64_t limit,
                                                  std::uint64_t most);
/// A query's parameter that is true or false; `otherwise` where it is not there.
[[nodiscard]] api_result<bool> read_flag(const http_request& request, std::string_view key,
                                         bool otherwise);

}  // namespace troupe::gateway
