#pragma once

#include <string>
#include <string_view>

namespace troupe {

/// Text from outside, for a line of a log or for JSON: control characters and bytes that are no
/// UTF-8 are written as "\xNN", all else stays.
[[nodiscard]] std::string printable(std::string_view text);

}  // namespace troupe
