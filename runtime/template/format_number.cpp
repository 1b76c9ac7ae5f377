#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "runtime/template/format.hpp"
#include "runtime/template/show.hpp"
#include "runtime/template/text.hpp"

namespace troupe::jinja {
namespace {

__extension__ typedef unsigned __int128 magnitude_type;

std::string repeated(std::string_view fill, std::size_t count) {
  std::string out;
  for (std::size_t i = 0; i < count; ++i) out += fill;
  return out;
}

/// `head` is a sign or prefix, which padding with = goes after.
std::string padded(std::string_view head, std::string_view body, const field_style& style,
                   char default_align) {
  const std::size_t size = count_points(head) + count_points(body);
  const std::size_t missing = style.width > size ? style.width - size : 0;
  const char align = style.align == 0 ? default_align : style.align;
  const std::size_t left = align == '<' ? 0 : align == '^' ? missing / 2 : missing;
  std::string out;
  if (align == '=') {
    out += head;
    return out + repeated(style.fill, missing) + std::string(body);
  }
  out = repeated(style.fill, left);
  out += head;
  out += body;
  return out + repeated(style.fill, missing - left);
}

std::string sign_of(bool negative, const field_style& style) {
  if (negative) return "-";
  return style.sign == '-' ? std::string() : std::string(1, style.sign);
}

std::string grouped(const std::string& digits, char separator, std::size_t size) {
  if (separator == 0) return digits;
  std::string out;
  for (std::size_t i = 0; i < digits.size(); ++i) {
    if (i > 0 && (digits.size() - i) % size == 0) out += separator;
    out += digits[i];
  }
  return out;
}

std::string in_base(magnitude_type magnitude, unsigned base, bool upper) {
  std::string out;
  do {
    const auto digit = static_cast<unsigned>(magnitude % base);
    out += static_cast<char>(digit < 10 ? '0' + digit : (upper ? 'A' : 'a') + digit - 10);
    magnitude /= base;
  } while (magnitude != 0);
  std::reverse(out.begin(), out.end());
  return out;
}

std::string real_digits(double d, const field_style& style) {
  const auto precision = static_cast<int>(style.precision.value_or(6));
  switch (style.type) {
    case 'e':
      return style.alternate ? fmt::format("{:#.{}e}", d, precision)
                             : fmt::format("{:.{}e}", d, precision);
    case 'E':
      return fmt::format("{:.{}E}", d, precision);
    case 'F':
      return fmt::format("{:.{}F}", d, precision);
    case 'g':
      return fmt::format("{:.{}g}", d, precision);
    case 'G':
      return fmt::format("{:.{}G}", d, precision);
    case '%':
      return fmt::format("{:.{}f}%", d * 100, precision);
    case 'f':
      return fmt::format("{:.{}f}", d, precision);
    default:
      break;
  }
  if (!style.precision) return show_real(d);
  // Without a type a precision works as with g, but one digit follows the point.
  std::string out = fmt::format("{:.{}g}", d, std::max(precision, 1));
  if (out.find_first_of(".en") == std::string::npos) out += ".0";
  return out;
}

}  // namespace

std::string lay_out_text(std::string_view text, const field_style& style) {
  if (style.precision) text = text.substr(0, offset_of(text, *style.precision));
  return padded({}, text, style, '<');
}

std::string lay_out_integer(integer i, const field_style& style) {
  const magnitude_type magnitude =
      i < 0 ? ~static_cast<magnitude_type>(i) + 1 : static_cast<magnitude_type>(i);
  unsigned base = 10;
  std::string prefix;
  if (style.type == 'x' || style.type == 'X') base = 16;
  if (style.type == 'o') base = 8;
  if (style.type == 'b') base = 2;
  if (style.alternate && base != 10) prefix = std::string("0") + style.type;
  std::string digits = in_base(magnitude, base, style.type == 'X');
  // In "%" a precision is the least number of digits.
  if (style.precision && digits.size() < *style.precision) {
    digits.insert(0, *style.precision - digits.size(), '0');
  }
  digits = grouped(digits, style.grouping, base == 10 ? 3 : 4);
  return padded(sign_of(i < 0, style) + prefix, digits, style, '>');
}

std::string lay_out_real(double d, const field_style& style) {
  const bool negative = std::signbit(d) && !std::isnan(d);
  std::string digits = real_digits(std::fabs(d), style);
  if (style.grouping != 0) {
    const std::size_t end = std::min(digits.find_first_not_of("0123456789"), digits.size());
    digits = grouped(digits.substr(0, end), style.grouping, 3) + digits.substr(end);
  }
  return padded(sign_of(negative, style), digits, style, '>');
}

}  // namespace troupe::jinja
