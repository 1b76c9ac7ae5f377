#pragma once

#include <memory>
#include <string>

#include "actors/bin/serve_config.hpp"
#include "runtime/api/served_model.hpp"

namespace troupe::cli {

/// The model under the name, with the parsers and within the lengths that the settings say.
[[nodiscard]] std::shared_ptr<const served_model> as_served(const served_model& model,
                                                            const served_name& settings);

/// The line that a person can paste to get a first answer.
[[nodiscard]] std::string first_request(const std::string& url, const served_model& model);

}  // namespace troupe::cli
