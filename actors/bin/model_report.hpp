#pragma once

#include <boost/json/object.hpp>
#include <map>
#include <string>
#include <vector>

#include "runtime/model/model_files.hpp"

namespace troupe::cli {

/// What `troupe inspect` says of a model, worked out of its files.
struct model_report {
  std::string name;
  std::string format;
  std::string identity;
  model_config config;
  std::uint64_t parameters = 0;
  std::uint64_t active_parameters = 0;  ///< that meet one token: routed experts count top_k times
  std::uint64_t weight_bytes = 0;
  std::uint64_t kv_bytes_per_token = 0;  ///< with 16-bit keys and values
  std::map<std::string, std::uint64_t> bytes_by_type;
  std::size_t vocabulary = 0;
  std::string split;  ///< how the tokenizer cuts words
  bool has_template = false;
  std::vector<tensor_listing> tensors;
};

[[nodiscard]] model_report report_on(const model_files& model);

/// For a person; `tensors` adds a line for each.
[[nodiscard]] std::string to_text(const model_report& report, bool tensors);
/// For a program.
[[nodiscard]] boost::json::object to_json(const model_report& report, bool tensors);

}  // namespace troupe::cli
