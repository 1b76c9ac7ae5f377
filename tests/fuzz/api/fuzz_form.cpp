#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "actors/gateway/multipart.hpp"

namespace {
using namespace troupe;

/// Whether the body is the same form again where its fields are written plainly.
void check_again(const std::vector<gateway::form_part>& parts) {
  const std::string boundary = "-----one-that-no-seed-has-0123456789";
  std::string body;
  for (const auto& part : parts) {
    // What cannot be written plainly, and what would end the part, is left out.
    if (part.name.find_first_of("\"\\\r\n%") != std::string::npos) return;
    if (part.content.find(boundary) != std::string_view::npos) return;
    body += "--" + boundary + "\r\nContent-Disposition: form-data; name=\"" + part.name + "\"";
    if (part.file_name) body += "; filename=\"f\"";
    body += "\r\n\r\n" + std::string(part.content) + "\r\n";
  }
  body += "--" + boundary + "--\r\n";
  const auto again = gateway::parse_form("multipart/form-data; boundary=" + boundary, body);
  if (!again || again->size() != parts.size()) std::abort();
  for (std::size_t i = 0; i < parts.size(); ++i)
    if ((*again)[i].name != parts[i].name || (*again)[i].content != parts[i].content) std::abort();
}

}  // namespace

/// The first line is the header's value, the rest the body: it is refused with 4xx, or every part
/// lies within the body and reads the same when it is written again.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view all(reinterpret_cast<const char*>(data), size);
  const std::size_t end = all.find('\n');
  if (end == std::string_view::npos) return 0;
  const std::string_view body = all.substr(end + 1);
  const auto parts = gateway::parse_form(all.substr(0, end), body);
  if (!parts) {
    if (parts.error().status < 400 || parts.error().status > 499 || parts.error().message.empty())
      std::abort();
    return 0;
  }
  for (const auto& part : *parts) {
    if (part.name.empty() && part.content.data() == nullptr) continue;
    if (part.content.data() < body.data() ||
        part.content.data() + part.content.size() > body.data() + body.size())
      std::abort();
  }
  check_again(*parts);
  return 0;
}
