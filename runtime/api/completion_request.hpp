#pragma once

#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "runtime/api/api_error.hpp"
#include "runtime/api/request_options.hpp"
#include "runtime/api/served_model.hpp"

namespace troupe {

/// A checked body of POST /v1/completions.
struct completion_request {
  request_options options;
  /// Each a text to tokenize or tokens as they are; at least one.
  std::vector<std::variant<std::string, std::vector<token_id>>> prompts;
  bool echo = false;
};

/// Parses and checks a body against the model served. Every refusal names the parameter and what is
/// allowed.
[[nodiscard]] api_result<completion_request> parse_completion_request(
    std::string_view body, const served_model& model, const api_limits& limits = {});

/// The parameters that parse_completion_request() takes of a body.
[[nodiscard]] std::vector<std::string> completion_parameters(const served_model& model);

}  // namespace troupe
