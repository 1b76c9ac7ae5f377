#pragma once

#include <cstdio>
#include <string>
#include <string_view>

namespace troupe::cli {

/// Shows how something long goes: one line that changes on a terminal, a line for each stage
/// elsewhere. One thread.
class progress_line {
 public:
  /// Writes to `out` (borrowed); `terminal` says whether lines may be rewritten.
  progress_line(std::FILE* out, bool terminal) : out_(out), terminal_(terminal) {}
  progress_line(const progress_line&) = delete;
  progress_line& operator=(const progress_line&) = delete;
  ~progress_line() { finish(); }

  /// `done` runs from 0 to 1.
  void show(std::string_view stage, double done);
  /// Clears what is still on the terminal's line.
  void finish();

 private:
  std::FILE* out_;
  bool terminal_;
  std::string stage_;
  int percent_ = -1;
};

}  // namespace troupe::cli
