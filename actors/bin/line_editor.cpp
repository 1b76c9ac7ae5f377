#include "actors/bin/line_editor.hpp"

#include <histedit.h>

#include <cstdio>
#include <cstdlib>
#include <stdexcept>
#include <system_error>

namespace troupe::cli {
namespace fs = std::filesystem;
namespace {

constexpr int history_lines = 1000;

struct end_editor {
  void operator()(EditLine* editor) const { el_end(editor); }
};
struct end_history {
  void operator()(History* entries) const { history_end(entries); }
};

const char* shown_prompt(EditLine* editor) {
  void* text = nullptr;
  el_get(editor, EL_CLIENTDATA, &text);
  return static_cast<const char*>(text);
}

}  // namespace

struct line_editor::terminal {
  std::unique_ptr<History, end_history> entries{history_init()};
  std::unique_ptr<EditLine, end_editor> editor{el_init("troupe", stdin, stdout, stderr)};
};

line_editor::line_editor(fs::path history)
    : terminal_(std::make_unique<terminal>()), history_(std::move(history)) {
  EditLine* editor = terminal_->editor.get();
  if (editor == nullptr || terminal_->entries == nullptr)
    throw std::runtime_error("cannot edit lines on this terminal");
  HistEvent event = {};
  ::history(terminal_->entries.get(), &event, H_SETSIZE, history_lines);
  ::history(terminal_->entries.get(), &event, H_SETUNIQUE, 1);
  el_set(editor, EL_EDITOR, "emacs");
  el_set(editor, EL_PROMPT, &shown_prompt);
  el_set(editor, EL_HIST, ::history, terminal_->entries.get());
  // Ctrl-C is a key like any other while a line is edited: it clears the line.
  el_set(editor, EL_SETTY, "-d", "-isig", nullptr);
  el_set(editor, EL_BIND, "^C", "em-kill-line", nullptr);
  el_set(editor, EL_BIND, "^R", "em-inc-search-prev", nullptr);
  std::error_code ignored;
  if (!history_.empty()) {
    fs::create_directories(history_.parent_path(), ignored);
    ::history(terminal_->entries.get(), &event, H_LOAD, history_.c_str());
  }
}

line_editor::~line_editor() = default;

std::optional<std::string> line_editor::read(std::string_view prompt) {
  std::string shown(prompt);
  EditLine* editor = terminal_->editor.get();
  el_set(editor, EL_CLIENTDATA, shown.data());
  int length = 0;
  const char* text = el_gets(editor, &length);
  if (text == nullptr || length <= 0) return std::nullopt;
  std::string line(text, static_cast<std::size_t>(length));
  while (!line.empty() && (line.back() == '\n' || line.back() == '\r')) line.pop_back();
  return line;
}

void line_editor::remember(const std::string& line) {
  HistEvent event = {};
  ::history(terminal_->entries.get(), &event, H_ENTER, line.c_str());
  if (!history_.empty()) ::history(terminal_->entries.get(), &event, H_SAVE, history_.c_str());
}

std::optional<std::string> piped_lines::read(std::string_view prompt) {
  (void)prompt;
  std::string line;
  if (!std::getline(in_, line)) return std::nullopt;
  if (!line.empty() && line.back() == '\r') line.pop_back();
  return line;
}

fs::path history_file() {
  const char* state = std::getenv("XDG_STATE_HOME");
  const char* home = std::getenv("HOME");
  if (state != nullptr && *state != '\0') return fs::path(state) / "troupe" / "history";
  return home == nullptr ? fs::path() : fs::path(home) / ".local" / "state" / "troupe" / "history";
}

}  // namespace troupe::cli
