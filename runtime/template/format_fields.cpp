#include <algorithm>

#include "runtime/template/format.hpp"
#include "runtime/template/operators.hpp"
#include "runtime/template/registry.hpp"
#include "runtime/template/show.hpp"
#include "runtime/template/text.hpp"

namespace troupe::jinja {
namespace {

bool digits_only(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

/// Reads "[[fill]align][sign][#][0][width][grouping][.precision][type]".
class spec_reader {
 public:
  spec_reader(machine& m, std::string_view spec) : machine_(m), spec_(spec) {}

  field_style read() {
    field_style style;
    read_alignment(style);
    if (one_of("+- ")) style.sign = spec_[at_++];
    if (one_of("#")) {
      style.alternate = true;
      ++at_;
    }
    if (one_of("0")) {
      ++at_;
      if (style.align == 0) {
        style.fill = "0";
        style.align = '=';
      }
    }
    style.width = read_size();
    if (one_of(",_")) style.grouping = spec_[at_++];
    if (one_of(".")) {
      ++at_;
      if (!one_of("0123456789")) machine_.fail("Format specifier missing precision");
      style.precision = read_size();
    }
    if (at_ < spec_.size()) style.type = spec_[at_++];
    if (at_ < spec_.size()) machine_.fail("Invalid format specifier '{}'", spec_);
    return style;
  }

 private:
  [[nodiscard]] bool one_of(std::string_view characters) const {
    return at_ < spec_.size() && characters.find(spec_[at_]) != std::string_view::npos;
  }

  void read_alignment(field_style& style) {
    if (spec_.empty()) return;
    std::size_t next = 0;
    static_cast<void>(decode(spec_, next));
    const std::string_view aligns = "<>=^";
    if (next < spec_.size() && aligns.find(spec_[next]) != std::string_view::npos) {
      style.fill = std::string(spec_.substr(0, next));
      style.align = spec_[next];
      at_ = next + 1;
    } else if (one_of(aligns)) {
      style.align = spec_[at_++];
    }
  }

  std::size_t read_size() {
    std::size_t size = 0;
    while (one_of("0123456789")) {
      size = size * 10 + static_cast<std::size_t>(spec_[at_++] - '0');
      if (size > widest_field) {
        machine_.fail_with(errc::out_of_range, "a format's width is out of range");
        return 0;
      }
    }
    return size;
  }

  machine& machine_;
  std::string_view spec_;
  std::size_t at_ = 0;
};

/// str.format over one format string.
class field_formatter {
 public:
  field_formatter(machine& m, const arguments& args) : machine_(m), args_(args) {}

  std::string expand(std::string_view format, int levels) {
    std::string out;
    std::size_t at = 0;
    while (at < format.size() && machine_.step() && machine_.room(out.size())) {
      const char c = format[at++];
      const bool doubled = at < format.size() && format[at] == c;
      if (c != '{' && c != '}') {
        out += c;
      } else if (doubled) {
        out += c;
        ++at;
      } else if (c == '}') {
        machine_.fail("Single '}}' encountered in format string");
      } else {
        out += field(format, at, levels);
      }
    }
    return out;
  }

 private:
  /// The field whose opening brace is before `at`.
  std::string field(std::string_view format, std::size_t& at, int levels) {
    const std::size_t start = at;
    int open = 1;
    bool subscript = false;
    for (; at < format.size() && open > 0; ++at) {
      if (format[at] == '[') subscript = true;
      if (format[at] == ']') subscript = false;
      if (format[at] == '{' && !subscript) ++open;
      if (format[at] == '}' && !subscript) --open;
    }
    if (levels == 0) {
      machine_.fail("Max string recursion exceeded");
      return {};
    }
    if (open > 0) {
      machine_.fail("expected '}}' before end of string");
      return {};
    }
    const std::string_view inside = format.substr(start, at - 1 - start);
    std::size_t end = 0;
    for (bool bracket = false; end < inside.size(); ++end) {
      if (inside[end] == '[') bracket = true;
      if (inside[end] == ']') bracket = false;
      if (!bracket && (inside[end] == '!' || inside[end] == ':')) break;
    }
    value v = find(inside.substr(0, end));
    std::string_view rest = inside.substr(end);
    if (rest.starts_with('!')) {
      const char conversion = rest.size() > 1 ? rest[1] : '\0';
      rest.remove_prefix(std::min<std::size_t>(rest.size(), 2));
      if (conversion == 'r' || conversion == 'a') {
        v = machine_.text(represent(machine_, v));
      } else if (conversion == 's') {
        v = as_text(machine_, v);
      } else {
        machine_.fail("Unknown conversion specifier");
      }
      if (!rest.empty() && rest.front() != ':')
        machine_.fail("expected ':' after conversion specifier");
    }
    const std::string spec = rest.empty() ? std::string() : expand(rest.substr(1), levels - 1);
    return machine_.failed() ? std::string() : format_value(machine_, v, spec);
  }

  /// "name", "0" or "", then ".attribute" and "[key]" as often as they come.
  value find(std::string_view path) {
    const std::size_t first = std::min(path.find_first_of(".["), path.size());
    value v = argument(path.substr(0, first));
    path.remove_prefix(first);
    while (!path.empty() && !machine_.failed()) {
      if (path.front() == '.') {
        const std::size_t end = std::min(path.find_first_of(".[", 1), path.size());
        if (end == 1) return machine_.fail("Empty attribute in format string");
        v = get_attribute(machine_, v, path.substr(1, end - 1));
        path.remove_prefix(end);
        continue;
      }
      const std::size_t end = path.find(']');
      if (path.front() != '[' || end == std::string_view::npos || end == 1) {
        return machine_.fail("invalid field in format string");
      }
      const std::string_view key = path.substr(1, end - 1);
      const auto index = digits_only(key) ? parse_integer(key) : std::nullopt;
      v = get_item(machine_, v, index ? value(*index) : machine_.text(std::string(key)));
      path.remove_prefix(end + 1);
    }
    return v;
  }

  value argument(std::string_view name) {
    if (name.empty() || digits_only(name)) {
      if (name.empty() ? numbered_ : automatic_ > 0) {
        return machine_.fail("cannot mix automatic and manual field numbering");
      }
      numbered_ = !name.empty();
      const auto i = name.empty() ? std::optional<integer>(automatic_++) : parse_integer(name);
      if (i && *i < static_cast<integer>(args_.positional.size())) {
        return args_.positional[static_cast<std::size_t>(*i)];
      }
      return machine_.fail("Replacement index out of range for positional args tuple");
    }
    for (const auto& [known, v] : args_.named) {
      if (known == name) return v;
    }
    return machine_.fail("format: no argument '{}'", name);
  }

  machine& machine_;
  const arguments& args_;
  integer automatic_ = 0;
  bool numbered_ = false;
};

}  // namespace

std::string format_value(machine& m, const value& v, std::string_view spec) {
  if (spec.empty()) return to_text(m, v);
  field_style style = spec_reader(m, spec).read();
  if (m.failed()) return {};
  const std::string_view type(&style.type, style.type == 0 ? 0 : 1);
  if (const auto* t = v.text()) {
    if (!type.empty() && type != "s")
      m.fail("Unknown format code '{}' for object of type 'str'", type);
    if (style.align == '=' && style.fill == "0") style.align = '<';
    if (style.align == '=' || style.sign != '-' || style.alternate || style.grouping != 0) {
      m.fail("format specifier '{}' is not for strings", spec);
    }
    return lay_out_text(t->bytes, style);
  }
  const auto i = v.as_integer();
  if (type == "n") style.type = i ? 'd' : 'g';
  if (type == "c" && i && *i >= 0 && *i < 0xD800) {
    std::string character;
    append_utf8(character, static_cast<char32_t>(*i));
    return lay_out_text(character, style);
  }
  const bool as_integer = i && (type.empty() || type.find_first_of("dxXobn") == 0);
  if (as_integer) {
    if (style.precision) m.fail("Precision not allowed in integer format specifier");
    return m.failed() ? std::string() : lay_out_integer(*i, style);
  }
  const auto d = v.as_double();
  if (d && (type.empty() || type.find_first_of("eEfFgG%n") == 0)) {
    if (style.precision.value_or(0) > 1000) {
      m.fail_with(errc::out_of_range, "a format's precision is out of range");
      return {};
    }
    return lay_out_real(*d, style);
  }
  m.fail("unsupported format string passed to {}.__format__", v.type_name());
  return {};
}

value format_fields(machine& m, const text_object& format, const arguments& args) {
  std::string out = field_formatter(m, args).expand(format.bytes, 2);
  return m.failed() ? value() : m.text(std::move(out), format.markup);
}

}  // namespace troupe::jinja
