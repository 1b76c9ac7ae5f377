#include "runtime/template/parser.hpp"

#include "runtime/template/text.hpp"

namespace troupe::jinja {
namespace {

/// A string of the template itself, which no rendering pays for.
value constant_text(std::string bytes) {
  auto made = std::make_shared<text_object>();
  made->points = count_points(bytes);
  made->bytes = std::move(bytes);
  return value(value::text_pointer(std::move(made)));
}

}  // namespace

expression_pointer parser::parse_primary() {
  const std::size_t line = current().line;
  switch (current().kind) {
    case token_kind::name:
      return parse_name();
    case token_kind::whole:
      return make(line, constant_expression{value(take().whole)});
    case token_kind::real:
      return make(line, constant_expression{value(take().real)});
    case token_kind::string: {
      std::string text;
      while (current().kind == token_kind::string) text += take().text;
      return make(line, constant_expression{constant_text(std::move(text))});
    }
    default:
      break;
  }
  if (current().is_symbol("[")) return parse_list();
  if (current().is_symbol("{")) return parse_dict();
  if (skip_symbol("(")) {
    auto inside = parse_tuple(true, {}, true);
    expect_symbol(")");
    return inside;
  }
  unexpected();
  return make(line, constant_expression{});
}

expression_pointer parser::parse_name() {
  const token name = take();
  if (name.text == "true" || name.text == "True") {
    return make(name.line, constant_expression{value(true)});
  }
  if (name.text == "false" || name.text == "False") {
    return make(name.line, constant_expression{value(false)});
  }
  if (name.text == "none" || name.text == "None") {
    return make(name.line, constant_expression{value::none()});
  }
  for (auto* macro : macros_) {
    macro->uses_caller = macro->uses_caller || name.text == "caller";
    macro->uses_kwargs = macro->uses_kwargs || name.text == "kwargs";
    macro->uses_varargs = macro->uses_varargs || name.text == "varargs";
  }
  return make(name.line, name_expression{name.text});
}

expression_pointer parser::parse_list() {
  const std::size_t line = take().line;
  list_expression node;
  while (!failed() && !current().is_symbol("]")) {
    node.items.push_back(parse_expression());
    if (!skip_symbol(",")) break;
  }
  expect_symbol("]");
  return make(line, std::move(node));
}

expression_pointer parser::parse_dict() {
  const std::size_t line = take().line;
  dict_expression node;
  while (!failed() && !current().is_symbol("}")) {
    auto key = parse_expression();
    expect_symbol(":");
    auto item = parse_expression();
    node.entries.emplace_back(std::move(key), std::move(item));
    if (!skip_symbol(",")) break;
  }
  expect_symbol("}");
  return make(line, std::move(node));
}

expression_pointer parser::parse_postfix(expression_pointer subject) {
  // Each link makes the tree one level deeper.
  const std::size_t before = depth_;
  while (!failed()) {
    if (++depth_ > depth_limit_) fail_here("expressions nest deeper than {} levels", depth_limit_);
    if (current().is_symbol(".") || current().is_symbol("[")) {
      subject = parse_subscript(std::move(subject));
    } else if (current().is_symbol("(")) {
      subject = parse_call(std::move(subject));
    } else {
      break;
    }
  }
  depth_ = before;
  return subject;
}

expression_pointer parser::parse_filters(expression_pointer subject) {
  const std::size_t before = depth_;
  while (!failed()) {
    if (++depth_ > depth_limit_) fail_here("expressions nest deeper than {} levels", depth_limit_);
    if (skip_symbol("|")) {
      subject = parse_filter(std::move(subject));
    } else if (skip_name("is")) {
      subject = parse_test(std::move(subject));
    } else if (current().is_symbol("(")) {
      subject = parse_call(std::move(subject));
    } else {
      break;
    }
  }
  depth_ = before;
  return subject;
}

std::string parser::parse_dotted_name() {
  std::string name = expect_any_name();
  while (skip_symbol(".")) name += "." + expect_any_name();
  return name;
}

expression_pointer parser::parse_filter(expression_pointer subject) {
  const std::size_t line = current().line;
  filter_expression node;
  node.subject = std::move(subject);
  node.name = parse_dotted_name();
  node.function = find_filter(node.name);
  if (node.function == nullptr) note_unknown(line, "filter", node.name);
  if (current().is_symbol("(")) node.arguments = parse_arguments();
  return make(line, std::move(node));
}

expression_pointer parser::parse_test(expression_pointer subject) {
  const std::size_t line = current().line;
  const bool negated = skip_name("not");
  test_expression node;
  node.subject = std::move(subject);
  node.name = parse_dotted_name();
  node.function = find_test(node.name);
  if (node.function == nullptr) note_unknown(line, "test", node.name);
  const token& next = current();
  const bool operand = next.kind == token_kind::name || next.kind == token_kind::string ||
                       next.kind == token_kind::whole || next.kind == token_kind::real ||
                       next.is_symbol("[") || next.is_symbol("{");
  if (next.is_symbol("(")) {
    node.arguments = parse_arguments();
  } else if (operand && !next.is_name("else") && !next.is_name("or") && !next.is_name("and")) {
    if (next.is_name("is")) fail_here("tests cannot be chained with 'is'");
    node.arguments.positional.push_back(parse_postfix(parse_primary()));
  }
  auto test = make(line, std::move(node));
  return negated ? make(line, not_expression{std::move(test)}) : std::move(test);
}

expression_pointer parser::parse_subscript(expression_pointer subject) {
  const std::size_t line = current().line;
  if (skip_symbol(".")) {
    if (current().kind == token_kind::whole) {
      auto key = make(line, constant_expression{value(take().whole)});
      return make(line, item_expression{std::move(subject), std::move(key)});
    }
    return make(line, attribute_expression{std::move(subject), expect_any_name()});
  }
  take();
  expression_pointer first;
  if (!current().is_symbol(":")) first = parse_expression();
  if (skip_symbol(":")) {
    slice_expression node;
    node.subject = std::move(subject);
    node.start = std::move(first);
    if (!current().is_symbol(":") && !current().is_symbol("]")) node.stop = parse_expression();
    if (skip_symbol(":") && !current().is_symbol("]")) node.step = parse_expression();
    expect_symbol("]");
    return make(line, std::move(node));
  }
  if (current().is_symbol(",")) {
    list_expression keys;
    keys.is_tuple = true;
    keys.items.push_back(std::move(first));
    while (skip_symbol(",")) keys.items.push_back(parse_expression());
    first = make(line, std::move(keys));
  }
  expect_symbol("]");
  return make(line, item_expression{std::move(subject), std::move(first)});
}

expression_pointer parser::parse_call(expression_pointer callee) {
  const std::size_t line = current().line;
  call_expression node;
  node.callee = std::move(callee);
  node.arguments = parse_arguments();
  return make(line, std::move(node));
}

call_syntax parser::parse_arguments() {
  call_syntax parsed;
  expect_symbol("(");
  bool more = true;
  while (more && !failed() && !current().is_symbol(")")) {
    if (current().is_symbol("*") && !parsed.more_positional && !parsed.more_named) {
      take();
      parsed.more_positional = parse_expression();
    } else if (current().is_symbol("**") && !parsed.more_named) {
      take();
      parsed.more_named = parse_expression();
    } else if (current().kind == token_kind::name && ahead().is_symbol("=") && !parsed.more_named) {
      std::string name = take().text;
      take();
      for (const auto& [other, unused] : parsed.named) {
        if (other == name) fail_here("keyword argument '{}' is repeated", name);
      }
      parsed.named.emplace_back(std::move(name), parse_expression());
    } else if (parsed.named.empty() && !parsed.more_positional && !parsed.more_named) {
      parsed.positional.push_back(parse_expression());
    } else {
      fail_here("invalid arguments of a call");
    }
    more = skip_symbol(",");
  }
  expect_symbol(")");
  return parsed;
}

}  // namespace troupe::jinja
