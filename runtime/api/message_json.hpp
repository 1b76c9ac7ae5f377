#pragma once

#include <boost/json/array.hpp>
#include <string_view>

#include "runtime/api/answer_format.hpp"

namespace troupe {

/// The `tool_calls` of a message, or with indices those of a delta. Names and ids stand in a call's
/// first part. The id follows from the answer's, so that an answer told again has the same.
[[nodiscard]] boost::json::array tool_calls_json(const answer_part& part,
                                                 std::string_view answer_id, bool with_index);

/// The `content` of a message's logprobs. A token may be part of a character: then its text shows
/// U+FFFD and its bytes say the truth.
[[nodiscard]] boost::json::array scores_json(const answer_part& part, const tokenizer& vocabulary);

}  // namespace troupe
