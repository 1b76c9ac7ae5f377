#include "runtime/template/show.hpp"

#include <fmt/format.h>

#include <charconv>
#include <cmath>
#include <cstdlib>

#include "runtime/template/text.hpp"

namespace troupe::jinja {
namespace {

/// Appends, and stops when the text grows past what memory is left.
class printer {
 public:
  explicit printer(machine& m) : machine_(m) {}

  void put(const value& v) {
    if (machine_.enter() && machine_.step()) put_inside(v);
    machine_.leave();
    if (out_.size() > checked_ + 65536) {
      checked_ = out_.size();
      static_cast<void>(machine_.room(checked_));
    }
  }
  [[nodiscard]] std::string take() { return std::move(out_); }

 private:
  void put_inside(const value& v) {
    if (v.is_undefined()) {
      out_ += "Undefined";
    } else if (v.is_none()) {
      out_ += "None";
    } else if (const bool* b = v.boolean()) {
      out_ += *b ? "True" : "False";
    } else if (const integer* i = v.whole()) {
      out_ += show_integer(*i);
    } else if (const double* d = v.real()) {
      out_ += show_real(*d);
    } else if (const auto* t = v.text()) {
      // A character may take ten bytes when it is escaped.
      if (t->bytes.size() > 4096 && !machine_.room(out_.size() + t->bytes.size() * 10)) return;
      out_ += t->markup ? "Markup(" + quoted(t->bytes) + ")" : quoted(t->bytes);
    } else if (const auto* l = v.list()) {
      put_list(*l);
    } else if (const auto* mapping = v.dict()) {
      put_dict(*mapping);
    } else {
      out_ += v.thing()->show(machine_);
    }
  }

  void put_items(const list_object& l) {
    bool first = true;
    for (const auto& item : l.items()) {
      if (machine_.failed()) return;
      if (!first) out_ += ", ";
      first = false;
      put(item);
    }
  }

  void put_list(const list_object& l) {
    switch (l.kind()) {
      case sequence_kind::list:
        out_ += '[';
        put_items(l);
        out_ += ']';
        return;
      case sequence_kind::tuple:
      case sequence_kind::group:
        out_ += '(';
        put_items(l);
        out_ += l.items().size() == 1 ? ",)" : ")";
        return;
      case sequence_kind::range:
        put_range(l);
        return;
      case sequence_kind::keys:
        out_ += "dict_keys([";
        break;
      case sequence_kind::values:
        out_ += "dict_values([";
        break;
      case sequence_kind::items:
        out_ += "dict_items([";
        break;
    }
    put_items(l);
    out_ += "])";
  }

  /// A range shows its bounds; what it holds tells enough of them.
  void put_range(const list_object& l) {
    const auto& items = l.items();
    if (items.empty()) {
      out_ += "range(0, 0)";
      return;
    }
    const integer first = *items.front().whole();
    const integer step = items.size() > 1 ? *items[1].whole() - first : 1;
    const integer end = *items.back().whole() + (step > 0 ? 1 : -1);
    out_ += "range(" + show_integer(first) + ", " + show_integer(end);
    out_ += step == 1 ? ")" : ", " + show_integer(step) + ")";
  }

  void put_dict(const dict_object& d) {
    out_ += '{';
    bool first = true;
    for (const auto& [key, item] : d.entries()) {
      if (machine_.failed()) return;
      if (!first) out_ += ", ";
      first = false;
      put(key);
      out_ += ": ";
      put(item);
    }
    out_ += '}';
  }

  machine& machine_;
  std::string out_;
  std::size_t checked_ = 0;
};

/// More digits than this are no number that a template means.
constexpr std::size_t longest_real = 4096;

/// Digits and single underscores between them; the underscores are dropped.
std::optional<std::string> without_underscores(std::string_view digits) {
  std::string out;
  char before = '_';
  for (const char c : digits) {
    if (c == '_' && before == '_') return {};
    if (c != '_') out += c;
    before = c;
  }
  if (before == '_') return {};
  return out;
}

int digit_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  const char low = static_cast<char>(static_cast<unsigned char>(c) | 0x20U);
  return low >= 'a' && low <= 'z' ? low - 'a' + 10 : 99;
}

}  // namespace

std::string represent(machine& m, const value& v) {
  printer p(m);
  p.put(v);
  return p.take();
}

std::string to_text(machine& m, const value& v) {
  if (const auto* t = v.text()) return t->bytes;
  if (v.is_undefined()) return {};
  return represent(m, v);
}

value as_text(machine& m, const value& v) {
  return v.text() != nullptr ? v : m.text(to_text(m, v));
}

std::string show_integer(integer i) { return fmt::format("{}", i); }

std::string show_real(double d) {
  if (std::isnan(d)) return "nan";
  if (std::isinf(d)) return d < 0 ? "-inf" : "inf";
  char buffer[40];
  const auto end = std::to_chars(buffer, buffer + sizeof buffer, d, std::chars_format::scientific);
  const std::string_view shortest(buffer, static_cast<std::size_t>(end.ptr - buffer));
  const std::size_t e = shortest.find('e');
  const int exponent = std::atoi(std::string(shortest.substr(e + 1)).c_str());
  std::string out = shortest.front() == '-' ? "-" : "";
  std::string digits;
  for (const char c : shortest.substr(0, e)) {
    if (c >= '0' && c <= '9') digits += c;
  }
  const int count = static_cast<int>(digits.size());
  if (exponent < -4 || exponent >= 16) {
    out += digits.substr(0, 1);
    if (count > 1) out += "." + digits.substr(1);
    return out + fmt::format("e{}{:02}", exponent < 0 ? '-' : '+', std::abs(exponent));
  }
  if (exponent < 0)
    return out + "0." + std::string(static_cast<std::size_t>(-exponent - 1), '0') + digits;
  if (count <= exponent + 1) {
    return out + digits + std::string(static_cast<std::size_t>(exponent + 1 - count), '0') + ".0";
  }
  const auto point = static_cast<std::size_t>(exponent) + 1;
  return out + digits.substr(0, point) + "." + digits.substr(point);
}

std::optional<integer> parse_integer(std::string_view text, int base) {
  text = strip(text, std::nullopt, side::both);
  bool negative = false;
  if (!text.empty() && (text.front() == '-' || text.front() == '+')) {
    negative = text.front() == '-';
    text.remove_prefix(1);
  }
  if (text.size() > 2 && text.front() == '0') {
    const char letter = static_cast<char>(static_cast<unsigned char>(text[1]) | 0x20U);
    const int named = letter == 'x' ? 16 : letter == 'o' ? 8 : letter == 'b' ? 2 : 0;
    if (named != 0 && (base == 0 || base == named)) {
      base = named;
      text.remove_prefix(2);
      if (text.front() == '_') text.remove_prefix(1);
    }
  }
  if (base == 0) base = 10;
  const auto digits = without_underscores(text);
  if (!digits) return {};
  integer result = 0;
  for (const char c : *digits) {
    const int digit = digit_value(c);
    if (digit >= base || __builtin_mul_overflow(result, integer(base), &result) ||
        __builtin_add_overflow(result, integer(digit), &result)) {
      return {};
    }
  }
  return negative ? -result : result;
}

std::optional<double> parse_real(std::string_view text) {
  text = strip(text, std::nullopt, side::both);
  bool negative = false;
  if (!text.empty() && (text.front() == '-' || text.front() == '+')) {
    negative = text.front() == '-';
    text.remove_prefix(1);
  }
  if (text.empty() || text.front() == '-' || text.front() == '+') return {};
  const bool hexadecimal = text.find_first_of("xX(") != std::string_view::npos;
  const auto digits = without_underscores(text);
  if (!digits || hexadecimal) return {};
  double d = 0;
  const char* end = digits->data() + digits->size();
  const auto read = std::from_chars(digits->data(), end, d);
  if (read.ptr != end || (read.ec != std::errc() && read.ec != std::errc::result_out_of_range)) {
    return {};
  }
  if (digits->size() > longest_real) return {};
  if (read.ec == std::errc::result_out_of_range) d = std::strtod(digits->c_str(), nullptr);
  return negative ? -d : d;
}

}  // namespace troupe::jinja
