#include <fmt/format.h>
#include <utf8proc.h>

#include <iterator>

#include "runtime/template/text.hpp"

namespace troupe::jinja {
namespace {

constexpr char32_t sharp_s = 0xDF;

void put_upper(std::string& out, char32_t point) {
  if (point < 0x80) {
    out += static_cast<char>(is_lower(point) ? point - 32 : point);
  } else if (point == sharp_s) {
    out += "SS";
  } else {
    append_utf8(out, static_cast<char32_t>(utf8proc_toupper(static_cast<utf8proc_int32_t>(point))));
  }
}

void put_title(std::string& out, char32_t point) {
  if (point < 0x80) {
    put_upper(out, point);
  } else if (point == sharp_s) {
    out += "Ss";
  } else {
    append_utf8(out, static_cast<char32_t>(utf8proc_totitle(static_cast<utf8proc_int32_t>(point))));
  }
}

void put_lower(std::string& out, char32_t point) {
  if (point < 0x80) {
    out += static_cast<char>(is_upper(point) ? point + 32 : point);
  } else {
    append_utf8(out, static_cast<char32_t>(utf8proc_tolower(static_cast<utf8proc_int32_t>(point))));
  }
}

template <class Put>
std::string each_point(std::string_view text, const Put& put) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t start = at;
    const char32_t point = decode(text, at);
    if (at == start + 1 && point >= 0x80) {
      out += text[start];  // a byte that is not UTF-8 stays as it is
    } else {
      put(out, point);
    }
  }
  return out;
}

}  // namespace

std::string to_upper(std::string_view text) { return each_point(text, put_upper); }

std::string to_lower(std::string_view text) { return each_point(text, put_lower); }

std::string to_title(std::string_view text) {
  bool inside = false;
  return each_point(text, [&](std::string& out, char32_t point) {
    inside ? put_lower(out, point) : put_title(out, point);
    inside = is_letter(point);
  });
}

std::string capitalize(std::string_view text) {
  bool first = true;
  return each_point(text, [&](std::string& out, char32_t point) {
    first ? put_title(out, point) : put_lower(out, point);
    first = false;
  });
}

std::string swap_case(std::string_view text) {
  return each_point(text, [&](std::string& out, char32_t point) {
    is_upper(point) ? put_lower(out, point) : put_upper(out, point);
  });
}

bool all_cased(std::string_view text, bool upper) {
  bool some = false;
  for (std::size_t at = 0; at < text.size();) {
    const char32_t point = decode(text, at);
    if (upper ? is_lower(point) : is_upper(point)) return false;
    some = some || (upper ? is_upper(point) : is_lower(point));
  }
  return some;
}

std::string quoted(std::string_view text) {
  const bool double_quotes =
      text.find('\'') != std::string_view::npos && text.find('"') == std::string_view::npos;
  const char quote = double_quotes ? '"' : '\'';
  std::string out(1, quote);
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t start = at;
    const char32_t point = decode(text, at);
    if (point == static_cast<char32_t>(quote) || point == '\\') {
      out += '\\';
      out += static_cast<char>(point);
    } else if (point == '\n') {
      out += "\\n";
    } else if (point == '\r') {
      out += "\\r";
    } else if (point == '\t') {
      out += "\\t";
    } else if (is_printable(point)) {
      out += text.substr(start, at - start);
    } else if (point < 0x100) {
      fmt::format_to(std::back_inserter(out), "\\x{:02x}", static_cast<unsigned>(point));
    } else if (point < 0x10000) {
      fmt::format_to(std::back_inserter(out), "\\u{:04x}", static_cast<unsigned>(point));
    } else {
      fmt::format_to(std::back_inserter(out), "\\U{:08x}", static_cast<unsigned>(point));
    }
  }
  return out += quote;
}

std::string escape_html(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&#34;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

}  // namespace troupe::jinja
