#pragma once

#include <string>
#include <string_view>

namespace troupe {

/// A string of JSON, in its quotes. What printable() would change is changed so that any bytes make
/// valid JSON.
[[nodiscard]] std::string json_text(std::string_view text);

}  // namespace troupe
