#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "runtime/api/chat_request.hpp"
#include "runtime/api/served_model.hpp"

namespace troupe {

/// The lengths in tokens of the prompt's beginnings that end where the conversation's cache marks
/// stand, ascending; a mark whose place in the rendered text cannot be told is moved forward to
/// where it can. `text` is the rendered conversation and `tokens` is what became of it.
[[nodiscard]] std::vector<std::uint32_t> find_cache_marks(const served_model& model,
                                                          const chat_request& request,
                                                          std::string_view text,
                                                          const std::vector<token_id>& tokens);

}  // namespace troupe
