#include "runtime/template/lexer.hpp"

#include <algorithm>
#include <optional>

#include "runtime/template/literal.hpp"
#include "runtime/template/text.hpp"

namespace troupe::jinja {
namespace {

std::string with_plain_newlines(std::string_view source) {
  std::string out;
  out.reserve(source.size());
  for (std::size_t i = 0; i < source.size(); ++i) {
    if (source[i] == '\r') {
      out += '\n';
      if (i + 1 < source.size() && source[i + 1] == '\n') ++i;
    } else {
      out += source[i];
    }
  }
  if (!out.empty() && out.back() == '\n') out.pop_back();
  return out;
}

class lexer {
 public:
  explicit lexer(std::string source) : source_(std::move(source)) {}

  result<std::vector<token>> run() {
    while (at_ < source_.size()) {
      if (auto done = root(); !done) return fail(std::move(done.error()));
    }
    push(token_kind::end, {});
    return std::move(tokens_);
  }

 private:
  struct raw_tag {
    std::size_t end;
    char mark;
  };

  [[nodiscard]] std::string_view rest() const { return std::string_view(source_).substr(at_); }
  [[nodiscard]] bool looking_at(std::string_view what) const { return rest().starts_with(what); }

  void move_to(std::size_t to) {
    line_ += static_cast<std::size_t>(std::count(source_.begin() + static_cast<long>(at_),
                                                 source_.begin() + static_cast<long>(to), '\n'));
    line_starts_ = to > at_ && source_[to - 1] == '\n';
    at_ = to;
  }
  [[nodiscard]] std::size_t past_space(std::size_t from) const {
    return source_.size() - strip(std::string_view(source_).substr(from), {}, side::left).size();
  }
  void push(token_kind kind, std::string text) {
    token t;
    t.kind = kind;
    t.line = line_;
    t.text = std::move(text);
    tokens_.push_back(std::move(t));
  }

  /// Text up to a tag, as the tag's mark leaves it; a block or comment takes its line's indent.
  void push_data(std::string_view data, char mark, bool takes_indent) {
    if (mark == '-') {
      data = strip(data, {}, side::right);
    } else if (mark != '+' && takes_indent) {
      const std::size_t newline = data.rfind('\n');
      const std::size_t start = newline == std::string_view::npos ? 0 : newline + 1;
      if ((start > 0 || line_starts_) && strip(data.substr(start), {}, side::left).empty()) {
        data = data.substr(0, start);
      }
    }
    if (!data.empty()) push(token_kind::data, std::string(data));
  }

  /// The end of a tag `{% [mark] word %}` that starts at `from`, if that is what stands there.
  /// An opening tag ends at its bracket; a closing one takes the newline after it.
  [[nodiscard]] std::optional<raw_tag> raw_tag_at(std::size_t from, std::string_view word) const {
    const std::string_view all(source_);
    std::size_t at = from + 2;
    const char mark = at < all.size() && (all[at] == '-' || all[at] == '+') ? all[at] : ' ';
    if (mark != ' ') ++at;
    at = past_space(at);
    if (!all.substr(at).starts_with(word)) return {};
    at = past_space(at + word.size());
    const bool opens = word == "raw";
    if (all.substr(at).starts_with("-%}")) return raw_tag{past_space(at + 3), mark};
    if (!opens && all.substr(at).starts_with("+%}")) return raw_tag{at + 3, mark};
    if (!all.substr(at).starts_with("%}")) return {};
    at += 2;
    if (!opens && at < all.size() && all[at] == '\n') ++at;
    return raw_tag{at, mark};
  }

  result<void> root() {
    std::size_t open = at_;
    while (true) {
      open = source_.find('{', open);
      if (open == std::string::npos || open + 1 >= source_.size()) {
        push(token_kind::data, std::string(rest()));
        move_to(source_.size());
        return {};
      }
      const char kind = source_[open + 1];
      if (kind == '%' || kind == '{' || kind == '#') break;
      ++open;
    }
    const auto data = std::string_view(source_).substr(at_, open - at_);
    if (source_[open + 1] == '%') {
      if (const auto raw = raw_tag_at(open, "raw")) {
        push_data(data, raw->mark, true);
        move_to(raw->end);
        return raw_block();
      }
    }
    std::size_t inside = open + 2;
    char mark = ' ';
    if (inside < source_.size() && (source_[inside] == '-' || source_[inside] == '+')) {
      mark = source_[inside++];
    }
    const char kind = source_[open + 1];
    push_data(data, mark, kind != '{');
    move_to(inside);
    if (kind == '#') return comment();
    push(kind == '{' ? token_kind::variable_begin : token_kind::block_begin, {});
    return tag(kind == '{' ? "}}" : "%}");
  }

  result<void> raw_block() {
    for (std::size_t close = source_.find("{%", at_); close != std::string::npos;
         close = source_.find("{%", close + 1)) {
      const auto raw = raw_tag_at(close, "endraw");
      if (!raw) continue;
      push_data(std::string_view(source_).substr(at_, close - at_), raw->mark, true);
      move_to(raw->end);
      return {};
    }
    // As in Jinja, a template may end right after the tag.
    if (at_ == source_.size()) return {};
    return fail_at(line_, "raw block without endraw");
  }

  result<void> comment() {
    const std::size_t close = source_.find("#}", at_);
    if (close == std::string::npos && at_ == source_.size()) return {};
    if (close == std::string::npos) return fail_at(line_, "comment without end");
    const char mark = close > at_ ? source_[close - 1] : ' ';
    close_tag(close + 2, mark);
    return {};
  }

  /// Moves past a closing bracket and what its mark (or trim_blocks) takes after it.
  void close_tag(std::size_t after, char mark) {
    if (mark == '-') {
      after = past_space(after);
    } else if (mark != '+' && after < source_.size() && source_[after] == '\n') {
      ++after;
    }
    move_to(after);
  }

  [[nodiscard]] bool tag_ends(std::string_view close) {
    if (!brackets_.empty()) return false;
    const bool block = close == "%}";
    char mark = ' ';
    if (looking_at(std::string("-") + std::string(close))) mark = '-';
    if (block && looking_at("+%}")) mark = '+';
    if (mark == ' ' && !looking_at(close)) return false;
    push(block ? token_kind::block_end : token_kind::variable_end, {});
    const std::size_t after = at_ + close.size() + (mark == ' ' ? 0 : 1);
    // A variable keeps the newline after it.
    close_tag(after, mark == ' ' && !block ? '+' : mark);
    return true;
  }

  result<void> tag(std::string_view close) {
    brackets_.clear();
    while (at_ < source_.size()) {
      if (tag_ends(close)) return {};
      const std::size_t space = past_space(at_);
      if (space > at_) {
        move_to(space);
        continue;
      }
      if (auto done = inside_tag(); !done) return done;
    }
    return fail_at(line_, "'{}' is missing", close);
  }

  result<void> inside_tag() {
    const char before = at_ > 0 ? source_[at_ - 1] : ' ';
    if (const auto number = scan_number(rest(), before == '.')) {
      if (!number->fits)
        return fail_at(line_, "integer {} is too large", rest().substr(0, number->size));
      push(number->is_real ? token_kind::real : token_kind::whole, {});
      tokens_.back().whole = number->whole;
      tokens_.back().real = number->real;
      move_to(at_ + number->size);
      return {};
    }
    if (const std::size_t size = scan_name(rest()); size > 0) {
      push(token_kind::name, std::string(rest().substr(0, size)));
      move_to(at_ + size);
      return {};
    }
    if (source_[at_] == '"' || source_[at_] == '\'') return string();
    return symbol();
  }

  result<void> string() {
    const char quote = source_[at_];
    std::size_t end = at_ + 1;
    while (end < source_.size() && source_[end] != quote) end += source_[end] == '\\' ? 2 : 1;
    if (end >= source_.size()) return fail_at(line_, "string without end");
    auto text = unescape(std::string_view(source_).substr(at_ + 1, end - at_ - 1));
    if (!text) return fail_at(line_, "{}", text.error().message());
    push(token_kind::string, std::move(*text));
    move_to(end + 1);
    return {};
  }

  result<void> symbol() {
    constexpr std::string_view pairs[] = {"//", "**", "==", "!=", ">=", "<="};
    std::size_t size = 0;
    for (const auto pair : pairs) {
      if (looking_at(pair)) size = 2;
    }
    const char c = source_[at_];
    if (size == 0 && std::string_view("+-/*%[](){}><=.:|,;~").find(c) != std::string_view::npos) {
      size = 1;
    }
    if (size == 0) {
      std::size_t end = 0;
      static_cast<void>(decode(rest(), end));
      return fail_at(line_, "unexpected character '{}'", rest().substr(0, end));
    }
    if (c == '(' || c == '[' || c == '{') brackets_ += c == '(' ? ')' : c == '[' ? ']' : '}';
    if (c == ')' || c == ']' || c == '}') {
      if (brackets_.empty()) return fail_at(line_, "unexpected '{}'", c);
      if (brackets_.back() != c) {
        return fail_at(line_, "unexpected '{}', expected '{}'", c, brackets_.back());
      }
      brackets_.pop_back();
    }
    push(token_kind::symbol, std::string(rest().substr(0, size)));
    move_to(at_ + size);
    return {};
  }

  std::string source_;
  std::size_t at_ = 0;
  std::size_t line_ = 1;
  bool line_starts_ = true;
  std::string brackets_;
  std::vector<token> tokens_;
};

}  // namespace

result<std::vector<token>> tokenize(std::string_view source) {
  return lexer(with_plain_newlines(source)).run();
}

}  // namespace troupe::jinja
