#include "actors/bin/logging.hpp"

#include <fmt/format.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

namespace troupe::cli {

std::shared_ptr<spdlog::logger> start_log(const std::string& level, const std::string& tag) {
  auto log = std::make_shared<spdlog::logger>(
      "troupe", std::make_shared<spdlog::sinks::stderr_color_sink_mt>());
  // A percent sign in a pattern begins a field.
  std::string shown;
  for (const char c : tag) shown += c == '%' ? std::string("%%") : std::string(1, c);
  log->set_pattern(
      fmt::format("%Y-%m-%d %H:%M:%S.%e %^%l%$ {}%v", shown.empty() ? shown : "[" + shown + "] "));
  log->set_level(spdlog::level::from_str(level));
  spdlog::set_default_logger(log);
  return log;
}

}  // namespace troupe::cli
