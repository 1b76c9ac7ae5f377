#pragma once

#include <boost/json/array.hpp>
#include <cstddef>
#include <vector>

#include "runtime/api/api_error.hpp"
#include "runtime/api/request_options.hpp"

namespace troupe {

/// A place in a conversation up to which it is to be kept in the cache.
struct content_mark {
  std::size_t message = 0;
  std::size_t bytes = 0;  ///< of the message's content that come before it
};
/// Most of them in a request; of more, the last count.
inline constexpr std::size_t most_cache_marks = 4;

/// Checks `messages` and brings them into the form chat templates expect: content as one string
/// (text parts joined by line breaks, "" where an assistant only called tools), arguments of tool
/// calls as objects, the developer's role as system unless the template knows it. Everything else
/// in a message stays as it was given, but for `cache_control`, which becomes a mark: behind the
/// part or the message that has it.
[[nodiscard]] api_result<boost::json::array> read_messages(
    const boost::json::value& messages, bool knows_developer, const api_limits& limits,
    std::vector<content_mark>* marks = nullptr);

}  // namespace troupe
