#include "actors/bin/progress.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace troupe::cli {

void progress_line::show(std::string_view stage, double done) {
  const int percent = static_cast<int>(std::clamp(done, 0.0, 1.0) * 100);
  const bool new_stage = stage != stage_;
  if (!new_stage && (percent == percent_ || !terminal_)) return;
  stage_ = stage;
  percent_ = percent;
  if (terminal_) {
    constexpr int width = 30;
    const int full = width * percent / 100;
    fmt::print(out_, "\r\x1b[K{} [{}{}] {} %", stage,
               std::string(static_cast<std::size_t>(full), '='),
               std::string(static_cast<std::size_t>(width - full), ' '), percent);
  } else {
    fmt::print(out_, "{} ...\n", stage);
  }
  std::fflush(out_);
}

void progress_line::finish() {
  if (terminal_ && percent_ >= 0) {
    std::fputs("\r\x1b[K", out_);
    std::fflush(out_);
  }
  percent_ = -1;
}

}  // namespace troupe::cli
