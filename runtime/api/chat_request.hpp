#pragma once

#include <boost/json/object.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/api/api_error.hpp"
#include "runtime/api/chat_messages.hpp"
#include "runtime/api/request_options.hpp"
#include "runtime/api/served_model.hpp"

namespace troupe {

/// A checked body of POST /v1/chat/completions.
struct chat_request {
  request_options options;
  /// What the chat template sees: messages (content parts of text joined into one string), tools
  /// where given, add_generation_prompt, enable_thinking where given, bos_token, eos_token, and
  /// chat_template_kwargs.
  boost::json::object variables;
  /// The last message is an assistant's that the answer goes on from.
  bool continues = false;
  std::vector<content_mark> marks;  ///< in order
};

/// Parses and checks a body against the model served. Every refusal names the parameter and what is
/// allowed.
[[nodiscard]] api_result<chat_request> parse_chat_request(std::string_view body,
                                                          const served_model& model,
                                                          const api_limits& limits = {});

/// The same for a body that is JSON already.
[[nodiscard]] api_result<chat_request> parse_chat_request(const boost::json::object& body,
                                                          const served_model& model,
                                                          const api_limits& limits = {});

/// The parameters that parse_chat_request() takes of a body.
[[nodiscard]] std::vector<std::string> chat_parameters(const served_model& model);

}  // namespace troupe
