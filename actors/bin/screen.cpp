#include "actors/bin/screen.hpp"

#include <sys/ioctl.h>

#include <algorithm>
#include <string>

namespace troupe::cli {
namespace {

constexpr std::string_view home = "\x1b[H";
constexpr std::string_view clear_to_line_end = "\x1b[K";
constexpr std::string_view clear_to_end = "\x1b[J";
constexpr std::string_view cut_long_lines = "\x1b[?7l";
constexpr std::string_view wrap_long_lines = "\x1b[?7h";

/// Lines that fit, the one that the cursor rests on not counted.
std::size_t height(std::FILE* out) {
  winsize size{};
  if (::ioctl(::fileno(out), TIOCGWINSZ, &size) != 0 || size.ws_row < 2) return 1000;
  return size.ws_row - 1U;
}

void write(std::FILE* out, std::string_view text) {
  (void)std::fwrite(text.data(), 1, text.size(), out);
  std::fflush(out);
}

}  // namespace

screen::~screen() {
  if (terminal_ && begun_) write(out_, wrap_long_lines);
}

void screen::show(std::string_view text) {
  std::string all;
  if (terminal_) {
    // Painting over instead of clearing first: nothing flickers.
    all += cut_long_lines;
    all += home;
    for (std::size_t left = height(out_); left > 0 && !text.empty(); --left) {
      const auto end = std::min(text.find('\n'), text.size());
      all += text.substr(0, end);
      all += clear_to_line_end;
      all += '\n';
      text.remove_prefix(std::min(end + 1, text.size()));
    }
    all += clear_to_end;
  } else {
    if (begun_) all += '\n';
    all += text;
  }
  begun_ = true;
  write(out_, all);
}

}  // namespace troupe::cli
