#pragma once

#include <cstdio>
#include <string_view>

namespace troupe::cli {

/// Shows a text that changes: in place on a terminal, one after another elsewhere. One thread.
class screen {
 public:
  /// Writes to `out` (borrowed); `terminal` says whether it can be painted over.
  screen(std::FILE* out, bool terminal) : out_(out), terminal_(terminal) {}
  screen(const screen&) = delete;
  screen& operator=(const screen&) = delete;
  /// Leaves the last text on the screen.
  ~screen();

  /// Shows as many of the first lines of `text` as fit; each ends with a line feed.
  void show(std::string_view text);

 private:
  std::FILE* out_;
  bool terminal_;
  bool begun_ = false;
};

}  // namespace troupe::cli
