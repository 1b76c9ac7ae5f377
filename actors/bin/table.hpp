#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace troupe::cli {

/// Rows of text in aligned columns, two spaces apart: the first column to the left, the others as
/// `numbers_right` says. The first row is the heading where there is one.
[[nodiscard]] std::string align(const std::vector<std::vector<std::string>>& rows,
                                bool numbers_right);

/// "135.6 M", "1.04 T": a count with three or four digits that matter.
[[nodiscard]] std::string short_count(std::uint64_t count);
/// "93.8 MiB", "1.0 TiB".
[[nodiscard]] std::string short_bytes(std::uint64_t bytes);

}  // namespace troupe::cli
