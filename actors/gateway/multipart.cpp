#include "actors/gateway/multipart.hpp"

#include <algorithm>
#include <boost/beast/core/string.hpp>
#include <utility>

namespace troupe::gateway {
namespace {

constexpr std::size_t longest_boundary = 70;
constexpr std::size_t longest_header = 8U << 10U;
constexpr std::size_t most_parts = 16;
constexpr std::size_t longest_name = 1024;
constexpr std::string_view line_end = "\r\n";

tl::unexpected<api_error> malformed(std::string_view why) {
  api_error e;
  e.message = fmt::format("the body is no good multipart/form-data: {}", why);
  e.code = "invalid_form";
  return tl::unexpected(std::move(e));
}

bool same_word(std::string_view a, std::string_view b) {
  return boost::beast::iequals(boost::beast::string_view(a.data(), a.size()),
                               boost::beast::string_view(b.data(), b.size()));
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

/// Takes a token or a quoted string off the front; none where there is no end to it.
std::optional<std::string> take_value(std::string_view& text) {
  std::string out;
  if (!text.starts_with('"')) {
    const std::size_t end = std::min(text.find(';'), text.size());
    out = std::string(trimmed(text.substr(0, end)));
    text.remove_prefix(end);
    return out;
  }
  text.remove_prefix(1);
  while (!text.empty() && text.front() != '"') {
    // Browsers write %22 for a quote; a backslash before anything else is one of a path.
    if (text.starts_with("%22")) {
      out += '"';
      text.remove_prefix(3);
      continue;
    }
    if (text.size() > 1 && text[0] == '\\' && (text[1] == '"' || text[1] == '\\'))
      text.remove_prefix(1);
    out += text.front();
    text.remove_prefix(1);
  }
  if (text.empty()) return std::nullopt;
  text.remove_prefix(1);
  return out;
}

/// The value of a parameter behind a header's first word; none where it is missing or twice there.
std::optional<std::string> parameter(std::string_view field, std::string_view name) {
  std::optional<std::string> found;
  field.remove_prefix(std::min(field.find(';'), field.size()));
  while (field.starts_with(';')) {
    field = trimmed(field.substr(1));
    const std::size_t equals = field.find_first_of("=;");
    if (equals == std::string_view::npos || field[equals] == ';') {
      field.remove_prefix(std::min(equals, field.size()));
      continue;
    }
    const std::string_view key = trimmed(field.substr(0, equals));
    field = trimmed(field.substr(equals + 1));
    auto value = take_value(field);
    if (!value) return std::nullopt;
    field = trimmed(field);
    if (!same_word(key, name)) continue;
    if (found) return std::nullopt;
    found = std::move(value);
  }
  return found;
}

bool fits_boundary(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
         std::string_view("'()+_,-./:=? ").find(c) != std::string_view::npos;
}

std::optional<std::string> boundary_of(std::string_view content_type) {
  const std::string_view kind = trimmed(content_type.substr(0, content_type.find(';')));
  if (!same_word(kind, "multipart/form-data")) return std::nullopt;
  auto boundary = parameter(content_type, "boundary");
  if (!boundary || boundary->empty() || boundary->size() > longest_boundary ||
      boundary->back() == ' ' || !std::all_of(boundary->begin(), boundary->end(), fits_boundary))
    return std::nullopt;
  return boundary;
}

/// Reads the header of a part, up to the empty line.
api_result<form_part> read_header(std::string_view header) {
  form_part out;
  bool named = false;
  while (!header.empty()) {
    const std::size_t end = header.find(line_end);
    const std::string_view line = header.substr(0, end);
    header.remove_prefix(std::min(end == std::string_view::npos ? end : end + 2, header.size()));
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos) return malformed("a part's header has a line without ':'");
    if (same_word(trimmed(line.substr(0, colon)), "content-transfer-encoding") &&
        !same_word(trimmed(line.substr(colon + 1)), "binary") &&
        !same_word(trimmed(line.substr(colon + 1)), "8bit") &&
        !same_word(trimmed(line.substr(colon + 1)), "7bit"))
      return malformed("a part has an encoding of its own");
    if (!same_word(trimmed(line.substr(0, colon)), "content-disposition")) continue;
    const std::string_view value = trimmed(line.substr(colon + 1));
    const auto name = parameter(value, "name");
    if (named || !same_word(trimmed(value.substr(0, value.find(';'))), "form-data") || !name ||
        name->size() > longest_name)
      return malformed("a part has not one name");
    named = true;
    out.name = *name;
    out.file_name = parameter(value, "filename");
  }
  if (!named) return malformed("a part has no name");
  return out;
}

}  // namespace

api_result<std::vector<form_part>> parse_form(std::string_view content_type,
                                              std::string_view body) {
  const auto boundary = boundary_of(content_type);
  if (!boundary) return malformed("Content-Type names no boundary");
  const std::string between = "\r\n--" + *boundary;
  const std::string_view first = std::string_view(between).substr(line_end.size());
  // What stands before the first boundary is nobody's, and empty with all clients.
  if (!body.starts_with(first)) return malformed("it does not begin with its boundary");
  body.remove_prefix(first.size());
  std::vector<form_part> parts;
  for (;;) {
    if (body.starts_with("--")) return parts;
    if (!body.starts_with(line_end)) return malformed("a boundary is followed by something else");
    body.remove_prefix(line_end.size());
    if (parts.size() == most_parts) return malformed("it has too many parts");
    const std::size_t header_end = body.substr(0, longest_header).find("\r\n\r\n");
    if (header_end == std::string_view::npos) return malformed("a part's header has no end");
    auto part = read_header(body.substr(0, header_end));
    if (!part) return tl::unexpected(part.error());
    body.remove_prefix(header_end + 2 * line_end.size());
    const std::size_t end = body.find(between);
    if (end == std::string_view::npos) return malformed("a part has no end");
    part->content = body.substr(0, end);
    body.remove_prefix(end + between.size());
    for (const form_part& known : parts)
      if (known.name == part->name) return malformed("two parts have one name");
    parts.push_back(std::move(*part));
  }
}

}  // namespace troupe::gateway
