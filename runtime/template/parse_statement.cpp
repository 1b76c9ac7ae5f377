#include "runtime/template/parser.hpp"

namespace troupe::jinja {

void parser::parse_statement(block& into) {
  struct entry {
    std::string_view tag;
    void (parser::*parse)(block&);
  };
  constexpr entry entries[] = {{"for", &parser::parse_for},
                               {"if", &parser::parse_if},
                               {"set", &parser::parse_set},
                               {"macro", &parser::parse_macro},
                               {"call", &parser::parse_call_block},
                               {"filter", &parser::parse_filter_block},
                               {"with", &parser::parse_with},
                               {"print", &parser::parse_print},
                               {"generation", &parser::parse_scope},
                               {"break", &parser::parse_loop_control},
                               {"continue", &parser::parse_loop_control}};
  for (const auto& e : entries) {
    if (current().is_name(e.tag)) return (this->*e.parse)(into);
  }
  constexpr std::string_view unsupported[] = {"import", "include", "extends",   "from",
                                              "block",  "do",      "autoescape"};
  for (const auto tag : unsupported) {
    if (current().is_name(tag)) return fail_here("the tag '{}' is not supported", tag);
  }
  if (current().kind == token_kind::name) return fail_here("unknown tag '{}'", current().text);
  fail_here("a tag's name is expected");
}

void parser::parse_for(block& into) {
  const std::size_t line = take().line;
  for_statement node;
  node.into = parse_target("in", false);
  expect_name("in");
  node.source = parse_tuple(false, "recursive");
  if (skip_name("if")) node.condition = parse_expression();
  node.recursive = skip_name("recursive");
  ++loops_;
  node.body = parse_scoped_body({"endfor", "else"});
  --loops_;
  if (skip_name("else")) node.otherwise = parse_scoped_body({"endfor"});
  expect_name("endfor");
  add(into, line, std::move(node));
}

void parser::parse_if(block& into) {
  const std::size_t line = current().line;
  if_statement node;
  ++conditions_;
  do {
    take();
    auto condition = parse_tuple(false);
    auto body = parse_body({"elif", "else", "endif"});
    node.branches.emplace_back(std::move(condition), std::move(body));
  } while (current().is_name("elif"));
  if (skip_name("else")) node.otherwise = parse_body({"endif"});
  expect_name("endif");
  --conditions_;
  add(into, line, std::move(node));
}

void parser::parse_set(block& into) {
  const std::size_t line = take().line;
  target to = parse_target({}, true);
  if (skip_symbol("=")) {
    add(into, line, set_statement{std::move(to), parse_tuple(true)});
    return;
  }
  set_block_statement node;
  node.into = std::move(to);
  while (skip_symbol("|")) node.filter = parse_filter(std::move(node.filter));
  node.body = parse_scoped_body({"endset"});
  expect_name("endset");
  add(into, line, std::move(node));
}

void parser::parse_signature(macro_definition& macro) {
  expect_symbol("(");
  while (!failed() && !current().is_symbol(")")) {
    if (!macro.parameters.empty()) expect_symbol(",");
    parameter p;
    p.name = expect_any_name();
    for (const auto& other : macro.parameters) {
      if (other.name == p.name) fail_here("parameter '{}' is repeated", p.name);
    }
    const bool fallbacks = !macro.parameters.empty() && macro.parameters.back().fallback;
    if (skip_symbol("=")) {
      p.fallback = parse_expression();
    } else if (fallbacks) {
      fail_here("parameter '{}' needs a default, as the one before it has one", p.name);
    } else if (p.name == "caller") {
      fail_here("the parameter 'caller' needs a default");
    }
    macro.parameters.push_back(std::move(p));
  }
  expect_symbol(")");
}

void parser::parse_macro_body(macro_definition& macro, std::string_view end) {
  macros_.push_back(&macro);
  // A loop around the definition is not a loop that its body can leave.
  const std::size_t loops = std::exchange(loops_, 0);
  macro.body = parse_scoped_body({end});
  expect_name(end);
  loops_ = loops;
  macros_.pop_back();
  for (const auto& p : macro.parameters) {
    if (p.name == "kwargs") macro.uses_kwargs = false;
    if (p.name == "varargs") macro.uses_varargs = false;
  }
}

void parser::parse_macro(block& into) {
  const std::size_t line = take().line;
  macro_statement node;
  node.macro.name = expect_any_name();
  parse_signature(node.macro);
  parse_macro_body(node.macro, "endmacro");
  add(into, line, std::move(node));
}

void parser::parse_call_block(block& into) {
  const std::size_t line = take().line;
  call_statement node;
  if (current().is_symbol("(")) parse_signature(node.caller);
  node.call = parse_expression();
  if (!failed() && !std::holds_alternative<call_expression>(node.call->node)) {
    fail_line(line, "the tag 'call' needs a call");
  }
  parse_macro_body(node.caller, "endcall");
  add(into, line, std::move(node));
}

void parser::parse_filter_block(block& into) {
  const std::size_t line = take().line;
  filter_statement node;
  do {
    node.filter = parse_filter(std::move(node.filter));
  } while (skip_symbol("|"));
  node.body = parse_scoped_body({"endfilter"});
  expect_name("endfilter");
  add(into, line, std::move(node));
}

void parser::parse_with(block& into) {
  const std::size_t line = take().line;
  with_statement node;
  while (!failed() && current().kind != token_kind::block_end && !current().is_symbol(":")) {
    if (!node.bindings.empty()) expect_symbol(",");
    target to = parse_target({}, false);
    expect_symbol("=");
    node.bindings.emplace_back(std::move(to), parse_expression());
  }
  node.body = parse_scoped_body({"endwith"});
  expect_name("endwith");
  add(into, line, std::move(node));
}

void parser::parse_print(block& into) {
  take();
  bool first = true;
  while (!failed() && current().kind != token_kind::block_end) {
    if (!first) expect_symbol(",");
    first = false;
    const std::size_t line = current().line;
    add(into, line, print_statement{parse_expression()});
  }
}

void parser::parse_scope(block& into) {
  const std::size_t line = take().line;
  const std::size_t loops = std::exchange(loops_, 0);
  scope_statement node{parse_scoped_body({"endgeneration"})};
  expect_name("endgeneration");
  loops_ = loops;
  add(into, line, std::move(node));
}

void parser::parse_loop_control(block& into) {
  const token word = take();
  if (loops_ == 0) fail_line(word.line, fmt::format("'{}' stands outside of a loop", word.text));
  if (word.text == "break") {
    add(into, word.line, break_statement{});
  } else {
    add(into, word.line, continue_statement{});
  }
}

target parser::parse_target(std::string_view end_name, bool with_attributes) {
  target first = parse_single_target(with_attributes);
  if (!current().is_symbol(",")) return first;
  target all;
  all.is_tuple = true;
  all.parts.push_back(std::move(first));
  while (skip_symbol(",")) {
    const bool ends = current().kind == token_kind::block_end || current().is_symbol("=") ||
                      (!end_name.empty() && current().is_name(end_name)) ||
                      current().is_symbol(")");
    if (ends) break;
    all.parts.push_back(parse_single_target(with_attributes));
  }
  return all;
}

target parser::parse_single_target(bool with_attributes) {
  target single;
  if (skip_symbol("(")) {
    if (++depth_ > depth_limit_) fail_here("targets nest deeper than {} levels", depth_limit_);
    single = parse_target({}, with_attributes);
    --depth_;
    expect_symbol(")");
    return single;
  }
  single.name = expect_any_name();
  constexpr std::string_view constants[] = {"true", "false", "none", "True", "False", "None"};
  for (const auto constant : constants) {
    if (single.name == constant) fail_here("cannot assign to '{}'", constant);
  }
  if (with_attributes && skip_symbol(".")) single.attribute = expect_any_name();
  return single;
}

}  // namespace troupe::jinja
