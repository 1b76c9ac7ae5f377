#pragma once

#include <boost/json/array.hpp>

#include "runtime/api/api_error.hpp"
#include "runtime/api/request_options.hpp"

namespace troupe {

/// Checks `messages` and brings them into the form chat templates expect: content as one string
/// (text parts joined by line breaks, "" where an assistant only called tools), arguments of tool
/// calls as objects, the developer's role as system unless the template knows it. Everything else
/// in a message stays as it was given.
[[nodiscard]] api_result<boost::json::array> read_messages(const boost::json::value& messages,
                                                           bool knows_developer,
                                                           const api_limits& limits);

}  // namespace troupe
