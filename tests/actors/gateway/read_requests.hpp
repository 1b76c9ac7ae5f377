#pragma once

#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "actors/gateway/http_reader.hpp"

namespace troupe::gateway {

/// Feeds `bytes` in pieces of `step`, as a connection does: what is not taken is offered again.
/// Ends with the bytes, or where the reader refuses.
inline std::vector<http_request> read_all(http_reader& reader, std::string_view bytes,
                                          std::size_t step) {
  std::vector<http_request> all;
  std::string held;
  for (std::size_t at = 0; at < bytes.size(); at += step) {
    held += bytes.substr(at, step);
    while (!held.empty()) {
      const std::size_t taken = reader.feed(held);
      if (taken > held.size()) std::abort();
      held.erase(0, taken);
      if (reader.now() == http_reader::state::complete) all.push_back(reader.take());
      if (reader.now() == http_reader::state::refused) return all;
      if (taken == 0) break;
    }
  }
  return all;
}

}  // namespace troupe::gateway
