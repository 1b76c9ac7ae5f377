#pragma once

#include <boost/json/array.hpp>
#include <string>
#include <string_view>

#include "runtime/api/api_error.hpp"
#include "runtime/api/request_options.hpp"
#include "runtime/api/request_reader.hpp"

namespace troupe {

/// Reads what the answer's content is held to: response_format, vLLM's structured_outputs and
/// guided_json, guided_regex, guided_choice and guided_grammar; one of them at most.
void read_structure(request_reader& reader, request_options& out);

/// Holds the answer to calls of `tools`, in the markup of Hermes and Qwen, or of the one that is
/// called `only` where that is not empty; to several calls if `many`. What the content was held to
/// no longer counts if `must`: otherwise the answer is either. `tools` has been checked.
[[nodiscard]] api_result<void> hold_to_calls(const boost::json::array& tools, std::string_view only,
                                             bool many, bool must, request_options& out);

}  // namespace troupe
