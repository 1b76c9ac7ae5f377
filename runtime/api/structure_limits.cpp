#include "runtime/api/structure_limits.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

namespace troupe {
namespace {

constexpr std::uint64_t far_too_much = std::uint64_t{1} << 40U;

/// Goes over an expression once, of regular expressions or of EBNF, and adds up what it would be
/// with every repetition written out. What is repeated by a count and varies in length itself, or
/// takes almost any character, weighs more: each way to cut the text up is followed.
class expression_weight {
 public:
  explicit expression_weight(std::string_view text, bool quotes) : text_(text), quotes_(quotes) {}

  void measure() {
    groups_.emplace_back();
    while (at_ < text_.size()) step();
    for (const group& g : groups_) weight = capped(weight + g.done + g.last.size);
  }

  std::uint64_t weight = 0;
  std::size_t depth = 0;

 private:
  struct atom {
    std::uint64_t size = 0;
    bool varies = false;  ///< in length
    bool wide = false;    ///< takes almost any character
  };
  struct group {
    std::uint64_t done = 0;
    atom last;            ///< what a repetition would be of
    bool varies = false;  ///< any of it
    bool wide = false;
  };
  static constexpr std::uint64_t nested_cost = 16;
  static constexpr std::uint64_t wide_cost = 64;

  static std::uint64_t capped(std::uint64_t x) { return std::min(x, far_too_much); }

  void add(atom a) {
    group& g = groups_.back();
    g.done = capped(g.done + g.last.size);
    g.varies = g.varies || g.last.varies;
    g.wide = g.wide || g.last.wide;
    g.last = a;
  }
  void step() {
    const char c = text_[at_++];
    if (c == '\\') {
      const bool wide = at_ < text_.size() && std::string_view("DSW").find(text_[at_]) < 3;
      ++at_;
      return add({1, false, wide});
    }
    if (c == '[') {
      const bool wide = at_ < text_.size() && text_[at_] == '^';
      return skip(']', {1, false, wide});
    }
    if (quotes_ && c == '"') return skip('"', {});
    if (c == '(') {
      add({});
      groups_.emplace_back();
      depth = std::max(depth, groups_.size() - 1);
    } else if (c == ')') {
      close();
    } else if (c == '{') {
      repeat();
    } else if (c == '*' || c == '+' || c == '?') {
      groups_.back().last.varies = true;
    } else if (c != '|' && c != '^' && c != '$') {
      add({1, false, c == '.' && !quotes_});
    }
  }
  void close() {
    add({});
    const group inner = groups_.back();
    if (groups_.size() > 1) groups_.pop_back();
    add({inner.done, inner.varies, inner.wide});
  }
  void skip(char end, atom as) {
    const std::size_t from = at_;
    while (at_ < text_.size() && (text_[at_] != end || (at_ == from && end == ']')))
      at_ += text_[at_] == '\\' ? 2 : 1;
    if (end == '"') as.size = at_ - from;
    ++at_;
    add(as);
  }
  /// {n}, {n,} and {n,m}: the atom before them counts as often as the larger says.
  void repeat() {
    std::uint64_t most = 1;
    std::uint64_t number = 0;
    bool range = false;
    for (; at_ < text_.size() && text_[at_] != '}'; ++at_) {
      const char c = text_[at_];
      range = range || c == ',';
      number = c >= '0' && c <= '9' ? capped(number * 10 + std::uint64_t(c - '0')) : 0;
      most = std::max(most, number);
    }
    ++at_;
    atom& a = groups_.back().last;
    std::uint64_t times = most;
    if (a.varies && most > 1) times = capped(times * (a.wide ? wide_cost : nested_cost));
    a.size = a.size > far_too_much / times ? far_too_much : a.size * times;
    a.varies = a.varies || range;
  }

  std::string_view text_;
  bool quotes_;
  std::size_t at_ = 0;
  std::vector<group> groups_;
};

std::optional<std::string> refusal_of_expression(std::string_view text, bool quotes,
                                                 const structure_bounds& bounds,
                                                 std::uint64_t most) {
  expression_weight w(text, quotes);
  w.measure();
  if (w.depth > bounds.group_depth)
    return fmt::format("nests {} groups; at most {} are allowed", w.depth, bounds.group_depth);
  if (w.weight > most)
    return fmt::format(
        "is too much to compile: with its repetitions written out it would be "
        "{} characters or more, and at most {} are allowed",
        w.weight, most);
  return std::nullopt;
}

}  // namespace

std::optional<std::string> refusal_of_regex(std::string_view regex,
                                            const structure_bounds& bounds) {
  if (regex.empty()) return "must not be empty";
  if (regex.size() > bounds.regex_bytes)
    return fmt::format("has {} bytes; at most {} are allowed", regex.size(), bounds.regex_bytes);
  return refusal_of_expression(regex, false, bounds, bounds.regex_weight);
}

std::optional<std::string> refusal_of_grammar(std::string_view grammar,
                                              const structure_bounds& bounds) {
  if (grammar.empty()) return "must not be empty";
  if (grammar.size() > bounds.grammar_bytes)
    return fmt::format("has {} bytes; at most {} are allowed", grammar.size(),
                       bounds.grammar_bytes);
  std::size_t rules = 0;
  for (std::size_t at = grammar.find("::="); at != std::string_view::npos;
       at = grammar.find("::=", at + 3))
    ++rules;
  if (rules > bounds.grammar_rules)
    return fmt::format("has {} rules; at most {} are allowed", rules, bounds.grammar_rules);
  return refusal_of_expression(grammar, true, bounds, bounds.regex_weight + grammar.size());
}

}  // namespace troupe
