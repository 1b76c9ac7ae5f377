#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>

#include "runtime/template/operators.hpp"
#include "runtime/template/show.hpp"
#include "runtime/template/text.hpp"

namespace troupe::jinja {
namespace {

class json_writer {
 public:
  json_writer(machine& m, const json_style& style) : machine_(m), style_(style) {}

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
    if (const auto* t = v.text()) {
      put_string(t->bytes);
    } else if (const auto* l = v.list();
               l != nullptr && (l->kind() == sequence_kind::list || l->is_tuple())) {
      put_list(*l);
    } else if (const auto* d = v.dict()) {
      put_dict(*d);
    } else if (const auto plain = scalar(v)) {
      out_ += *plain;
    } else {
      machine_.fail("Object of type {} is not JSON serializable", v.type_name());
    }
  }

  static std::optional<std::string> scalar(const value& v) {
    if (v.is_none()) return "null";
    if (const bool* b = v.boolean()) return *b ? "true" : "false";
    if (const integer* i = v.whole()) return show_integer(*i);
    if (const double* d = v.real()) {
      if (std::isnan(*d)) return "NaN";
      if (std::isinf(*d)) return *d < 0 ? "-Infinity" : "Infinity";
      return show_real(*d);
    }
    return {};
  }

  void put_string(std::string_view text) {
    // A character may take six bytes when it is escaped.
    if (text.size() > 4096 && !machine_.room(out_.size() + text.size() * 6)) return;
    out_ += '"';
    for (std::size_t at = 0; at < text.size();) {
      const std::size_t start = at;
      const char32_t point = decode(text, at);
      switch (point) {
        case '"':
          out_ += "\\\"";
          break;
        case '\\':
          out_ += "\\\\";
          break;
        case '\n':
          out_ += "\\n";
          break;
        case '\r':
          out_ += "\\r";
          break;
        case '\t':
          out_ += "\\t";
          break;
        case '\b':
          out_ += "\\b";
          break;
        case '\f':
          out_ += "\\f";
          break;
        default:
          put_point(point, text.substr(start, at - start));
      }
    }
    out_ += '"';
  }

  void put_point(char32_t point, std::string_view bytes) {
    const auto unit = [&](char32_t u) {
      fmt::format_to(std::back_inserter(out_), "\\u{:04x}", static_cast<unsigned>(u));
    };
    if (point >= 0x20 && (!style_.ascii || point < 0x7F)) {
      out_ += bytes;
    } else if (!style_.ascii || point < 0x10000) {
      unit(point);
    } else {
      unit(0xD800 + ((point - 0x10000) >> 10U));
      unit(0xDC00 + ((point - 0x10000) & 0x3FFU));
    }
  }

  void new_line() {
    if (!style_.indent || !machine_.room(out_.size() + level_ * style_.indent->size())) return;
    out_ += '\n';
    for (std::size_t i = 0; i < level_; ++i) out_ += *style_.indent;
  }

  template <class Items, class Put>
  void put_all(const Items& items, char open, char close, const Put& put_one) {
    out_ += open;
    ++level_;
    bool first = true;
    for (const auto& item : items) {
      if (machine_.failed()) break;
      if (!first) out_ += style_.item_separator;
      first = false;
      new_line();
      put_one(item);
    }
    --level_;
    if (!items.empty()) new_line();
    out_ += close;
  }

  void put_list(const list_object& l) {
    put_all(l.items(), '[', ']', [this](const value& item) { put(item); });
  }

  void put_entry(const dict_object::entry& entry) {
    if (const auto* t = entry.first.text()) {
      put_string(t->bytes);
    } else if (const auto plain = scalar(entry.first)) {
      put_string(*plain);
    } else {
      machine_.fail("keys must be str, int, float, bool or None, not {}", entry.first.type_name());
      return;
    }
    out_ += style_.key_separator;
    put(entry.second);
  }

  void put_dict(const dict_object& d) {
    const auto put_one = [this](const dict_object::entry& entry) { put_entry(entry); };
    if (!style_.sort_keys) {
      put_all(d.entries(), '{', '}', put_one);
      return;
    }
    auto sorted = d.entries();
    std::stable_sort(sorted.begin(), sorted.end(), [this](const auto& a, const auto& b) {
      return !machine_.failed() && less(machine_, a.first, b.first);
    });
    put_all(sorted, '{', '}', put_one);
  }

  machine& machine_;
  const json_style& style_;
  std::string out_;
  std::size_t level_ = 0;
  std::size_t checked_ = 0;
};

}  // namespace

std::string to_json(machine& m, const value& v, const json_style& style) {
  json_writer writer(m, style);
  writer.put(v);
  return writer.take();
}

}  // namespace troupe::jinja
