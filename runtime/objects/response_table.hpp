#pragma once

#include <boost/json/array.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "runtime/base/result.hpp"
#include "runtime/storage/sqlite.hpp"

namespace troupe {

/// A response as it is kept. Times are seconds since 1970.
struct response_row {
  std::string id;
  std::int64_t owner = 0;  ///< the key's id; 0: there are no keys
  std::string key;         ///< its name
  std::int64_t created = 0;
  std::int64_t expires = 0;
  std::string previous;   ///< the response that it follows; empty: none
  bool running = false;   ///< in the background; where it is cut short, it is drawn again
  bool streamed = false;  ///< in the background, with events that are kept
  std::uint64_t seed = 0;
  std::string request;   ///< the body of one that runs
  std::string input;     ///< JSON: a list of items
  std::string response;  ///< JSON
};

/// Adds a response, or changes the one of that id. The oldest of its owner that have ended go where
/// there are more than `most`.
[[nodiscard]] result<void> put_response(sqlite::database& in, const response_row& row,
                                        const std::string& events, std::uint64_t most);
/// Nothing where there is none, or another's, or one whose time is over.
[[nodiscard]] result<std::optional<response_row>> find_response(sqlite::database& in,
                                                                const std::string& id,
                                                                std::int64_t owner,
                                                                std::int64_t now);
/// The events of a response that has ended; empty where none are kept.
[[nodiscard]] result<std::string> events_of(sqlite::database& in, const std::string& id);
/// False where there was none.
[[nodiscard]] result<bool> erase_response(sqlite::database& in, const std::string& id,
                                          std::int64_t owner);
/// Those that a server has left in the middle, oldest first.
[[nodiscard]] result<std::vector<response_row>> running_responses(sqlite::database& in);
/// The items of a conversation up to and with a response, oldest first. Fails with not_found where
/// one of its responses is not there, invalid_argument where one has not ended, and out_of_range
/// where there are more than `most` items.
[[nodiscard]] result<boost::json::array> conversation_of(sqlite::database& in, std::string id,
                                                         std::int64_t owner, std::int64_t now,
                                                         std::size_t most);
/// Those whose time is over go.
[[nodiscard]] result<void> drop_expired_responses(sqlite::database& in, std::int64_t now);

}  // namespace troupe
