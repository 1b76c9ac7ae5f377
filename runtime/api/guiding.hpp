#pragma once

#include "runtime/api/api_error.hpp"
#include "runtime/api/request_options.hpp"
#include "runtime/api/served_model.hpp"
#include "runtime/sampling/guide_rule.hpp"

namespace troupe {

/// How an answer's thought and what is held relate, as far as the prompt says.
enum class thought_state {
  open,      ///< the prompt has opened a thought
  possible,  ///< the answer may begin with one
  over,      ///< there is none, or the prompt has closed it
};

/// What the answer is held to, in tokens; the default rule where nothing was asked. A thought comes
/// before it, free. Waits, within the library's bounds, until the structure is compiled: not on a
/// thread that must not be held up. Refused where it cannot be, or takes too long.
[[nodiscard]] api_result<guide_rule> guide_answer(const served_model& model,
                                                  const request_options& options,
                                                  thought_state thought);

}  // namespace troupe
