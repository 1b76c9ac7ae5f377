#include <boost/json/serialize.hpp>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "actors/gateway/batch_request.hpp"

/// A line is refused with 4xx, or has a name, and a body that is a request's of its endpoint.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace troupe;
  const std::string_view line(reinterpret_cast<const char*>(data), size);
  for (const char* endpoint : {"/v1/chat/completions", "/v1/completions", "/v1/responses"}) {
    const auto read = gateway::read_batch_line(line, endpoint, api_limits());
    if (!read) {
      const api_error& e = read.error();
      if (e.status < 400 || e.status > 499 || e.message.empty()) std::abort();
      continue;
    }
    if (read->name.empty()) std::abort();
    const std::string again = R"({"custom_id":"a","method":"POST","url":")" +
                              std::string(endpoint) + R"(","body":)" +
                              boost::json::serialize(read->body) + "}";
    if (!gateway::read_batch_line(again, endpoint, api_limits())) std::abort();
  }
  return 0;
}
