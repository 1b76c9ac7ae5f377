#include "runtime/wire/byte_reader.hpp"

namespace troupe {

std::string byte_reader::get_text(std::string_view what, std::size_t most) {
  std::string text(get_count(what, 1, most), '\0');
  copy(text.data(), text.size());
  return text;
}

result<void> byte_reader::finish() {
  if (remaining() != 0) refuse(errc::corrupt, "{} bytes follow its end", remaining());
  if (error_) return fail(*error_);
  return {};
}

void byte_reader::refuse_with(errc code, const std::string& why) {
  error_ = error(code, fmt::format("{}: {}", frame_, why));
}

}  // namespace troupe
