#pragma once

#include <string>
#include <string_view>

namespace troupe::text {

/// `text` in Unicode Normalization Form C, in the Unicode version of the utf8proc that is linked.
/// Bytes that are not UTF-8 stay as they are, and nothing composes across them.
///
/// Returns `text` itself where it is already normal; otherwise a view of `storage`, which is
/// overwritten. O(n log n) even for endless runs of combining marks.
[[nodiscard]] std::string_view nfc(std::string_view text, std::string& storage);

}  // namespace troupe::text
