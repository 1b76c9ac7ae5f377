#include "runtime/base/json_text.hpp"

#include "runtime/base/printable.hpp"

namespace troupe {

std::string json_text(std::string_view text) {
  std::string quoted = "\"";
  for (const char c : printable(text)) {
    if (c == '"' || c == '\\') quoted += '\\';
    quoted += c;
  }
  return quoted += '"';
}

}  // namespace troupe
