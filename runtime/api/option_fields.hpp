#pragma once

#include "runtime/api/request_options.hpp"
#include "runtime/api/request_reader.hpp"
#include "runtime/api/served_model.hpp"

namespace troupe {

/// Reads every parameter that chat and text completions share, `model` included, over the defaults
/// of the model. What is wrong is kept in `reader`.
void read_common_options(request_reader& reader, const served_model& model,
                         const api_limits& limits, request_options& out);

}  // namespace troupe
