#pragma once

#include <boost/json/value.hpp>
#include <vector>

#include "runtime/base/result.hpp"
#include "runtime/model/config.hpp"
#include "runtime/model/model_files.hpp"
#include "runtime/model/weight_table.hpp"

namespace troupe {

/// A config.json, read.
struct hugging_face_config {
  model_config config;
  bias_rule biases = bias_rule::optional;
};

/// Reads config.json in the older and the newer key names, and checks it. Fails with `unsupported`,
/// naming it, for an architecture or feature that troupe does not have, and with `corrupt` for
/// missing or impossible values.
[[nodiscard]] result<hugging_face_config> read_hugging_face_config(const boost::json::object& file);

/// `eos_token_id`: absent, one id or a list.
[[nodiscard]] result<std::vector<token_id>> read_eos_ids(const boost::json::object& file,
                                                         std::string_view where);

/// The sampling defaults of generation_config.json.
[[nodiscard]] result<generation_defaults> read_generation_defaults(const boost::json::object& file);

}  // namespace troupe
