#pragma once

#include <boost/json/object.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "runtime/api/api_error.hpp"
#include "runtime/api/completion_session.hpp"

namespace troupe::gateway {

/// The endpoint's protocol; none: batches cannot be of it.
[[nodiscard]] std::optional<api_protocol> batch_protocol(std::string_view endpoint);
/// The word of key_endpoints() that a key needs for it.
[[nodiscard]] std::string_view batch_scope(std::string_view endpoint);

/// A line of a batch's input, checked.
struct batch_request {
  std::string name;  ///< custom_id
  boost::json::object body;
};
[[nodiscard]] api_result<batch_request> read_batch_line(std::string_view line,
                                                        std::string_view endpoint,
                                                        const api_limits& limits);

}  // namespace troupe::gateway
