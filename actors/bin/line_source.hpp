#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace troupe::cli {

/// Where a conversation's lines come from: a terminal, a pipe, or a test.
class line_source {
 public:
  line_source() = default;
  line_source(const line_source&) = delete;
  line_source& operator=(const line_source&) = delete;
  virtual ~line_source() = default;

  /// The next line without its end; nothing at the end of input. Blocks.
  [[nodiscard]] virtual std::optional<std::string> read(std::string_view prompt) = 0;
  /// Keeps what was entered for the arrow keys and for the next time.
  virtual void remember(const std::string& line) = 0;
};

}  // namespace troupe::cli
