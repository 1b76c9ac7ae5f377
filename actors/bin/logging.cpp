#include "actors/bin/logging.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

#include <chrono>
#include <utility>

#include "runtime/base/json_text.hpp"
#include "runtime/base/log_fields.hpp"
#include "runtime/base/printable.hpp"

namespace troupe::cli {
namespace {

using spdlog::details::log_msg;

std::string_view payload_of(const log_msg& message) {
  return {message.payload.data(), message.payload.size()};
}

void append(spdlog::memory_buf_t& to, std::string_view text) {
  to.append(text.data(), text.data() + text.size());
}

/// The message without the values beside it.
class text_of_message final : public spdlog::custom_flag_formatter {
 public:
  void format(const log_msg& message, const std::tm& /*time*/, spdlog::memory_buf_t& to) override {
    append(to, printable(log_fields::split(payload_of(message)).first));
  }
  [[nodiscard]] std::unique_ptr<custom_flag_formatter> clone() const override {
    return std::make_unique<text_of_message>();
  }
};

class json_lines final : public spdlog::formatter {
 public:
  explicit json_lines(std::string tag) : tag_(std::move(tag)) {}

  void format(const log_msg& message, spdlog::memory_buf_t& to) override {
    using namespace std::chrono;
    const auto line = log_fields::split(payload_of(message));
    const auto level = spdlog::level::to_string_view(message.level);
    const auto ms = duration_cast<milliseconds>(message.time.time_since_epoch()).count();
    constexpr long thousand = 1'000;
    append(to, fmt::format(R"({{"time":"{:%Y-%m-%dT%H:%M:%S}.{:03}Z","level":"{}")",
                           fmt::gmtime(ms / thousand), ms % thousand,
                           std::string_view(level.data(), level.size())));
    if (!tag_.empty()) append(to, fmt::format(R"(,"process":{})", json_text(tag_)));
    append(to, fmt::format(R"(,"message":{})", json_text(line.first)));
    if (!line.second.empty()) append(to, fmt::format(",{}", line.second));
    append(to, "}\n");
  }
  [[nodiscard]] std::unique_ptr<formatter> clone() const override {
    return std::make_unique<json_lines>(tag_);
  }

 private:
  const std::string tag_;
};

}  // namespace

std::unique_ptr<spdlog::formatter> make_formatter(log_format format, const std::string& tag) {
  if (format == log_format::json) return std::make_unique<json_lines>(tag);
  // A percent sign in a pattern begins a field.
  std::string shown;
  for (const char c : tag) shown += c == '%' ? std::string("%%") : std::string(1, c);
  auto made = std::make_unique<spdlog::pattern_formatter>();
  made->add_flag<text_of_message>('*').set_pattern(
      fmt::format("%Y-%m-%d %H:%M:%S.%e %^%l%$ {}%*", shown.empty() ? shown : "[" + shown + "] "));
  return made;
}

std::shared_ptr<spdlog::logger> start_log(const std::string& level, log_format format,
                                          const std::string& tag) {
  auto log = std::make_shared<spdlog::logger>(
      "troupe", std::make_shared<spdlog::sinks::stderr_color_sink_mt>());
  log->set_formatter(make_formatter(format, tag));
  log->set_level(spdlog::level::from_str(level));
  spdlog::set_default_logger(log);
  return log;
}

}  // namespace troupe::cli
