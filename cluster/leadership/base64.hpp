#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace troupe {

/// RFC 4648, with padding.
[[nodiscard]] std::string encode_base64(std::string_view bytes);
/// None where the text is no base64.
[[nodiscard]] std::optional<std::string> decode_base64(std::string_view text);

}  // namespace troupe
