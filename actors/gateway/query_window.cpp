#include "actors/gateway/query_window.hpp"

#include <charconv>
#include <utility>

namespace troupe::gateway {

api_result<list_window> read_window(const http_request& request, std::uint64_t limit,
                                    std::uint64_t most) {
  list_window out;
  out.limit = limit;
  if (const auto said = query_parameter(request.uri, "limit")) {
    const char* const end = said->data() + said->size();
    const auto [stop, failed] = std::from_chars(said->data(), end, out.limit);
    if (failed != std::errc() || stop != end || out.limit == 0 || out.limit > most)
      return refuse("limit", "must be from 1 to {}, got '{}'", most, said->substr(0, 32));
  }
  if (auto after = query_parameter(request.uri, "after")) out.after = std::move(*after);
  if (const auto order = query_parameter(request.uri, "order")) {
    if (*order != "asc" && *order != "desc")
      return refuse("order", "must be 'asc' or 'desc', got '{}'", order->substr(0, 32));
    out.oldest_first = *order == "asc";
  }
  return out;
}

api_result<bool> read_flag(const http_request& request, std::string_view key, bool otherwise) {
  const auto said = query_parameter(request.uri, key);
  if (!said) return otherwise;
  if (*said == "true" || *said == "1") return true;
  if (*said == "false" || *said == "0") return false;
  return refuse(key, "must be true or false, got '{}'", said->substr(0, 32));
}

}  // namespace troupe::gateway
