#pragma once

#include <filesystem>
#include <istream>
#include <memory>

#include "actors/bin/line_source.hpp"

namespace troupe::cli {

/// Lines edited on a terminal, with a history that is kept in a file. Ctrl-C clears the line,
/// Ctrl-D on an empty one ends the input.
class line_editor : public line_source {
 public:
  /// `history` may be missing or empty; its folder is made. Throws std::runtime_error where the
  /// terminal cannot be edited on.
  explicit line_editor(std::filesystem::path history);
  ~line_editor() override;

  [[nodiscard]] std::optional<std::string> read(std::string_view prompt) override;
  void remember(const std::string& line) override;

 private:
  struct terminal;
  std::unique_ptr<terminal> terminal_;
  std::filesystem::path history_;
};

/// Lines from a stream that is no terminal; prompts are not shown.
class piped_lines : public line_source {
 public:
  /// `in` is borrowed.
  explicit piped_lines(std::istream& in) : in_(in) {}
  [[nodiscard]] std::optional<std::string> read(std::string_view prompt) override;
  void remember(const std::string& line) override { (void)line; }

 private:
  std::istream& in_;
};

/// ${XDG_STATE_HOME:-~/.local/state}/troupe/history
[[nodiscard]] std::filesystem::path history_file();

}  // namespace troupe::cli
