#include <boost/json/array.hpp>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "runtime/api/dashscope_request.hpp"
#include "runtime/api/response_request.hpp"
#include "tests/fuzz/api/byte_model.hpp"

/// Any body of /v1/responses and of DashScope is a chat that fits the model, or is refused. What a
/// response was asked with goes before the next one's.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace troupe;
  const std::string_view body(reinterpret_cast<const char*>(data), size);
  const served_model& model = fuzz::byte_model();
  if (const auto response = parse_response_request(body, "resp_0"); !response) {
    fuzz::check(response.error());
  } else {
    for (const boost::json::array& history : {boost::json::array(), response->input}) {
      const auto chat = chat_of(*response, history, model);
      if (chat)
        fuzz::check(*chat);
      else
        fuzz::check(chat.error());
    }
  }
  for (const bool events : {false, true}) {
    const auto request = parse_dashscope_request(body, events, model);
    if (request)
      fuzz::check(request->chat);
    else
      fuzz::check(request.error());
  }
  return 0;
}
