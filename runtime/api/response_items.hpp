#pragma once

#include <boost/json/array.hpp>
#include <boost/json/value.hpp>
#include <string_view>

#include "runtime/api/api_error.hpp"
#include "runtime/api/request_options.hpp"

namespace troupe {

/// Checks `input` of POST /v1/responses, a text or a list of items, and brings it into one form: a
/// list of items of the types message, function_call, function_call_output and reasoning, each with
/// an id, the content of messages as parts.
[[nodiscard]] api_result<boost::json::array> read_input_items(const boost::json::value& input,
                                                              std::string_view response_id,
                                                              const api_limits& limits);

/// Items in that form as messages of a chat completion. What an assistant thinks, says and calls
/// without a break is one message.
[[nodiscard]] boost::json::array messages_of(const boost::json::array& items);

}  // namespace troupe
