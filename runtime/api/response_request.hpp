#pragma once

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/api/api_error.hpp"
#include "runtime/api/chat_request.hpp"
#include "runtime/api/request_options.hpp"
#include "runtime/api/request_reader.hpp"
#include "runtime/api/served_model.hpp"

namespace troupe {

/// A body of POST /v1/responses, read as far as it can be without the conversation before it.
struct response_request {
  boost::json::object chat;   ///< what is left of it as a chat completion, without messages
  boost::json::array input;   ///< this request's own items, each with an id
  boost::json::object shown;  ///< the parameters as the response repeats them
  std::string instructions;   ///< empty: none
  std::string previous;       ///< the response that this one follows; empty: none
  bool stream = false;
  bool background = false;
  bool store = true;
};

/// Checks what is this endpoint's own; the rest is chat completions' to check. `id` is the
/// response's, from which the items' ids follow.
[[nodiscard]] api_result<response_request> parse_response_request(std::string_view body,
                                                                  std::string_view id,
                                                                  const api_limits& limits = {});

/// The request as a chat completion behind the items of `history`. Refusals name the parameters as
/// this endpoint has them.
[[nodiscard]] api_result<chat_request> chat_of(const response_request& request,
                                               const boost::json::array& history,
                                               const served_model& model,
                                               const api_limits& limits = {});

/// Reads `metadata`, at most 16 short texts by name, and says in `shown` what it is.
void read_metadata(request_reader& reader, boost::json::object& shown);

/// The parameters that parse_response_request() takes of a body.
[[nodiscard]] std::vector<std::string> response_parameters();

}  // namespace troupe
