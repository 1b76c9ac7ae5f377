#include "runtime/base/log_fields.hpp"

#include <fmt/format.h>

#include "runtime/base/json_text.hpp"
#include "runtime/base/printable.hpp"

namespace troupe {
namespace {
/// ASCII's unit separator: printable() leaves none in a text.
constexpr char separator = '\x1f';
}  // namespace

log_fields::log_fields(std::string_view text) : line_(printable(text)) {}

void log_fields::begin(std::string_view name) {
  line_ += any_ ? ',' : separator;
  any_ = true;
  line_ += json_text(name);
  line_ += ':';
}

void log_fields::add(std::string_view name, std::string_view value) {
  begin(name);
  line_ += json_text(value);
}

void log_fields::add(std::string_view name, std::int64_t value) {
  begin(name);
  line_ += std::to_string(value);
}

void log_fields::add(std::string_view name, double value) {
  begin(name);
  line_ += fmt::format("{:.3f}", value);
}

std::pair<std::string_view, std::string_view> log_fields::split(std::string_view line) {
  const std::size_t at = line.find(separator);
  if (at == std::string_view::npos) return {line, {}};
  return {line.substr(0, at), line.substr(at + 1)};
}

}  // namespace troupe
