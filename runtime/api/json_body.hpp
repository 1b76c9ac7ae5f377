#pragma once

#include <boost/json/object.hpp>
#include <string_view>

#include "runtime/api/api_error.hpp"
#include "runtime/api/request_options.hpp"

namespace troupe {

/// The body of a request as a JSON object, within the limits on size and depth. The last of
/// duplicate keys counts. A refusal says what is wrong and at which byte.
[[nodiscard]] api_result<boost::json::object> parse_json_body(std::string_view body,
                                                              const api_limits& limits);

/// "a string", "null", ... for messages.
[[nodiscard]] std::string_view kind_name(const boost::json::value& v);

}  // namespace troupe
