#include "runtime/template/parser.hpp"

#include "runtime/template/symbols.hpp"

namespace troupe::jinja {
namespace {

std::string describe(const token& t) {
  switch (t.kind) {
    case token_kind::end:
      return "end of template";
    case token_kind::data:
      return "text";
    case token_kind::variable_begin:
      return "{{";
    case token_kind::variable_end:
      return "}}";
    case token_kind::block_begin:
      return "{%";
    case token_kind::block_end:
      return "%}";
    case token_kind::whole:
    case token_kind::real:
      return "number";
    case token_kind::string:
      return "string";
    default:
      return t.text;
  }
}

}  // namespace

parser::parser(std::vector<token> tokens, std::size_t depth_limit)
    : tokens_(std::move(tokens)), depth_limit_(depth_limit) {}

result<scoped_block> parser::run() {
  scoped_block whole{parse_block({}), {}};
  if (!failed() && current().kind != token_kind::end) unexpected();
  if (!unknown_.empty()) fail_line(unknown_.front().first, unknown_.front().second);
  if (error_) return fail(std::move(*error_));
  find_unset_names(whole);
  return whole;
}

const token& parser::ahead() const { return tokens_[at_ + 1 < tokens_.size() ? at_ + 1 : at_]; }

token parser::take() {
  token taken = current();
  if (at_ + 1 < tokens_.size()) ++at_;
  return taken;
}

bool parser::skip_name(std::string_view name) {
  if (!current().is_name(name)) return false;
  take();
  return true;
}

bool parser::skip_symbol(std::string_view symbol) {
  if (!current().is_symbol(symbol)) return false;
  take();
  return true;
}

void parser::expect_symbol(std::string_view symbol) {
  if (!skip_symbol(symbol)) fail_here("expected '{}', got '{}'", symbol, describe(current()));
}

void parser::expect_name(std::string_view name) {
  if (!skip_name(name)) fail_here("expected '{}', got '{}'", name, describe(current()));
}

std::string parser::expect_any_name() {
  if (current().kind == token_kind::name) return take().text;
  fail_here("expected a name, got '{}'", describe(current()));
  return {};
}

void parser::expect_block_end() {
  if (current().kind == token_kind::block_end) {
    take();
  } else {
    fail_here("expected '%}}', got '{}'", describe(current()));
  }
}

void parser::fail_line(std::size_t line, const std::string& message) {
  if (!error_) {
    error_ =
        error(errc::invalid_argument, fmt::format("chat template, line {}: {}", line, message));
  }
  at_ = tokens_.size() - 1;
}

void parser::unexpected() { fail_here("unexpected '{}'", describe(current())); }

void parser::note_unknown(std::size_t line, std::string_view what, std::string_view name) {
  if (conditions_ == 0) unknown_.emplace_back(line, fmt::format("no {} named '{}'", what, name));
}

block parser::parse_block(std::initializer_list<std::string_view> ends) {
  block body;
  if (++depth_ > depth_limit_) fail_here("blocks nest deeper than {} levels", depth_limit_);
  while (!failed() && current().kind != token_kind::end) {
    if (current().kind == token_kind::data) {
      const std::size_t line = current().line;
      add(body, line, text_statement{take().text});
    } else if (current().kind == token_kind::variable_begin) {
      const std::size_t line = take().line;
      add(body, line, print_statement{parse_tuple(true)});
      if (current().kind != token_kind::variable_end) unexpected();
      take();
    } else if (current().kind == token_kind::block_begin) {
      take();
      bool ended = false;
      for (const auto end : ends) ended = ended || current().is_name(end);
      if (ended) {
        --depth_;
        return body;
      }
      parse_statement(body);
      expect_block_end();
    } else {
      unexpected();
    }
  }
  if (ends.size() > 0) fail_here("the end of the template comes before '{}'", *ends.begin());
  --depth_;
  return body;
}

block parser::parse_body(std::initializer_list<std::string_view> ends) {
  static_cast<void>(skip_symbol(":"));
  expect_block_end();
  return parse_block(ends);
}

scoped_block parser::parse_scoped_body(std::initializer_list<std::string_view> ends) {
  // A scope inside a branch is checked as if there were no branch.
  const std::size_t conditions = std::exchange(conditions_, 0);
  scoped_block body{parse_body(ends), {}};
  conditions_ = conditions;
  return body;
}

}  // namespace troupe::jinja
