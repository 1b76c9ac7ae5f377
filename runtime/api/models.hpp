#pragma once

#include <string>
#include <string_view>

#include "runtime/api/api_error.hpp"
#include "runtime/api/served_model.hpp"

namespace troupe {

/// Body of GET /v1/models: each model as OpenAI and OpenRouter want it listed.
[[nodiscard]] std::string list_models(const served_model& model);

/// Body of GET /v1/models/{id}; `id` is percent-decoded. 404 for any but the one served.
[[nodiscard]] api_result<std::string> describe_model(const served_model& model,
                                                     std::string_view id);

}  // namespace troupe
