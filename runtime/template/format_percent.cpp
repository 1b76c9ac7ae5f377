#include <cmath>

#include "runtime/template/format.hpp"
#include "runtime/template/operators.hpp"
#include "runtime/template/show.hpp"
#include "runtime/template/text.hpp"

namespace troupe::jinja {
namespace {

/// Python's "%" over one format string.
class percent_formatter {
 public:
  percent_formatter(machine& m, const text_object& format, const value& operand)
      : machine_(m), format_(format), operand_(operand) {
    const auto* list = operand.list();
    is_tuple_ = list != nullptr && list->is_tuple();
  }

  value run() {
    const std::string_view text(format_.bytes);
    while (at_ < text.size() && machine_.step() && machine_.room(out_.size())) {
      const std::size_t percent = text.find('%', at_);
      out_ += text.substr(at_, percent - at_);
      if (percent == std::string_view::npos) break;
      at_ = percent + 1;
      directive();
    }
    const bool left_over =
        is_tuple_ ? used_ < operand_.list()->items().size()
                  : used_ == 0 && operand_.dict() == nullptr && !(operand_.list() != nullptr);
    if (left_over && !mapped_) {
      machine_.fail("not all arguments converted during string formatting");
    }
    return machine_.failed() ? value() : machine_.text(std::move(out_), format_.markup);
  }

 private:
  [[nodiscard]] char peek() const { return at_ < format_.bytes.size() ? format_.bytes[at_] : '\0'; }

  value next_argument() {
    if (is_tuple_) {
      const auto& items = operand_.list()->items();
      if (used_ < items.size()) return items[used_++];
    } else if (used_++ == 0) {
      return operand_;
    }
    return machine_.fail("not enough arguments for format string");
  }

  std::size_t read_size() {
    if (peek() == '*') {
      ++at_;
      const value v = next_argument();
      const auto n = v.as_integer();
      if (!n) {
        machine_.fail("* wants int");
      } else if (*n < 0 || *n > static_cast<integer>(widest_field)) {
        machine_.fail("a format's width is out of range");
      } else {
        return static_cast<std::size_t>(*n);
      }
      return 0;
    }
    std::size_t size = 0;
    while (is_decimal(static_cast<unsigned char>(peek()))) {
      size = size * 10 + static_cast<std::size_t>(peek() - '0');
      ++at_;
      if (size > widest_field) {
        machine_.fail_with(errc::out_of_range, "a format's width is out of range");
        return 0;
      }
    }
    return size;
  }

  void directive() {
    if (peek() == '%') {
      ++at_;
      out_ += '%';
      return;
    }
    std::optional<value> mapped;
    if (peek() == '(') {
      mapped = mapped_argument();
      if (machine_.failed()) return;
    }
    field_style style;
    bool zeros = false;
    style.align = '>';
    for (; std::string_view("#0- +").find(peek()) != std::string_view::npos && peek() != '\0';
         ++at_) {
      if (peek() == '#') style.alternate = true;
      if (peek() == '0') zeros = true;
      if (peek() == '-') style.align = '<';
      if (peek() == '+') style.sign = '+';
      if (peek() == ' ' && style.sign == '-') style.sign = ' ';
    }
    style.width = read_size();
    if (peek() == '.') {
      ++at_;
      style.precision = read_size();
    }
    if (peek() != '\0' && std::string_view("hlL").find(peek()) != std::string_view::npos) ++at_;
    if (at_ >= format_.bytes.size()) {
      machine_.fail("incomplete format");
      return;
    }
    style.type = format_.bytes[at_++];
    if (style.type == '%') {
      out_ += '%';
      return;
    }
    const value v = mapped ? std::move(*mapped) : next_argument();
    if (!machine_.failed()) convert(v, style, zeros);
  }

  value mapped_argument() {
    const std::size_t close = format_.bytes.find(')', at_);
    const auto* mapping = operand_.dict();
    if (close == std::string::npos) return machine_.fail("incomplete format key");
    if (mapping == nullptr) return machine_.fail("format requires a mapping");
    const std::string key = format_.bytes.substr(at_ + 1, close - at_ - 1);
    at_ = close + 1;
    mapped_ = true;
    const value* found = mapping->find(key);
    return found != nullptr ? *found : machine_.fail("format: no key '{}'", key);
  }

  void convert(const value& v, field_style style, bool zeros) {
    const std::string_view type(&style.type, 1);
    if (type == "s" || type == "r" || type == "a") {
      std::string text = type == "s" ? to_text(machine_, v) : represent(machine_, v);
      if (format_.markup && !(v.text() != nullptr && v.text()->markup)) text = escape_html(text);
      out_ += lay_out_text(text, style);
      return;
    }
    if (type == "c") {
      character(v, style);
      return;
    }
    if (zeros && style.align == '>') {
      style.fill = "0";
      style.align = '=';
    }
    if (type.find_first_of("diuxXo") == 0) {
      whole(v, style);
    } else if (type.find_first_of("eEfFgG") == 0) {
      const auto d = v.as_double();
      if (v.is_undefined()) {
        fail_undefined(machine_, v);
      } else if (!d) {
        machine_.fail("must be real number, not {}", v.type_name());
      } else if (!style.precision || *style.precision <= 1000) {
        out_ += lay_out_real(*d, style);
      } else {
        machine_.fail_with(errc::out_of_range, "a format's precision is out of range");
      }
    } else {
      machine_.fail("unsupported format character '{}'", type);
    }
  }

  void whole(const value& v, field_style& style) {
    auto i = v.as_integer();
    const bool decimal = style.type == 'd' || style.type == 'i' || style.type == 'u';
    if (const double* d = v.real(); d != nullptr && decimal && std::fabs(*d) < 0x1p126) {
      i = static_cast<integer>(*d);
    }
    if (!i) {
      machine_.fail("%{} format: a number is required, not {}", style.type, v.type_name());
      return;
    }
    if (decimal) style.type = 'd';
    out_ += lay_out_integer(*i, style);
  }

  void character(const value& v, const field_style& style) {
    std::string text;
    if (const auto* t = v.text(); t != nullptr && t->points == 1) {
      text = t->bytes;
    } else if (const auto i = v.as_integer();
               i && *i >= 0 && *i < 0x110000 && (*i < 0xD800 || *i > 0xDFFF)) {
      append_utf8(text, static_cast<char32_t>(*i));
    } else {
      machine_.fail("%c requires int or char");
    }
    out_ += lay_out_text(text, style);
  }

  machine& machine_;
  const text_object& format_;
  const value& operand_;
  bool is_tuple_ = false;
  bool mapped_ = false;
  std::size_t used_ = 0;
  std::size_t at_ = 0;
  std::string out_;
};

}  // namespace

value format_percent(machine& m, const text_object& format, const value& operand) {
  return percent_formatter(m, format, operand).run();
}

}  // namespace troupe::jinja
