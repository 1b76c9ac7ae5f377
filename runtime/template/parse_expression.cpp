#include <algorithm>

#include "runtime/template/parser.hpp"

namespace troupe::jinja {

expression_pointer parser::parse_expression() {
  if (++depth_ > depth_limit_) fail_here("expressions nest deeper than {} levels", depth_limit_);
  auto parsed = parse_conditional();
  --depth_;
  return parsed;
}

expression_pointer parser::parse_conditional() {
  const std::size_t line = current().line;
  const std::size_t unknown = unknown_.size();
  auto then = parse_logic(false);
  std::size_t chained = 0;
  while (skip_name("if")) {
    // What stands in a branch may name filters that do not exist, as long as it does not run.
    unknown_.resize(std::min(unknown_.size(), unknown));
    if (depth_ + ++chained > depth_limit_) {
      fail_here("expressions nest deeper than {} levels", depth_limit_);
    }
    conditional_expression node;
    ++conditions_;
    node.condition = parse_logic(false);
    node.then = std::move(then);
    if (skip_name("else")) node.otherwise = parse_expression();
    --conditions_;
    then = make(line, std::move(node));
  }
  return then;
}

expression_pointer parser::parse_logic(bool all) {
  const std::size_t line = current().line;
  auto first = all ? parse_not() : parse_logic(true);
  const std::string_view word = all ? "and" : "or";
  if (!current().is_name(word)) return first;
  logic_expression node;
  node.all = all;
  node.operands.push_back(std::move(first));
  while (skip_name(word)) node.operands.push_back(all ? parse_not() : parse_logic(true));
  return make(line, std::move(node));
}

expression_pointer parser::parse_not() {
  if (!current().is_name("not")) return parse_comparison();
  const std::size_t line = take().line;
  if (++depth_ > depth_limit_) fail_here("expressions nest deeper than {} levels", depth_limit_);
  not_expression node{parse_not()};
  --depth_;
  return make(line, std::move(node));
}

std::optional<comparison_operator> parser::take_comparison() {
  constexpr std::pair<std::string_view, comparison_operator> symbols[] = {
      {"==", comparison_operator::equal},      {"!=", comparison_operator::not_equal},
      {"<=", comparison_operator::less_equal}, {">=", comparison_operator::greater_equal},
      {"<", comparison_operator::less},        {">", comparison_operator::greater}};
  for (const auto& [symbol, op] : symbols) {
    if (skip_symbol(symbol)) return op;
  }
  if (skip_name("in")) return comparison_operator::in;
  if (!current().is_name("not") || !ahead().is_name("in")) return {};
  take();
  take();
  return comparison_operator::not_in;
}

expression_pointer parser::parse_comparison() {
  const std::size_t line = current().line;
  auto first = parse_sum();
  comparison_expression node;
  while (const auto op = take_comparison()) node.others.emplace_back(*op, parse_sum());
  if (node.others.empty()) return first;
  node.first = std::move(first);
  return make(line, std::move(node));
}

expression_pointer parser::parse_sum() {
  const std::size_t line = current().line;
  auto first = parse_concatenation();
  arithmetic_expression node;
  while (current().is_symbol("+") || current().is_symbol("-")) {
    const bool adds = take().text == "+";
    node.others.emplace_back(adds ? arithmetic_operator::add : arithmetic_operator::subtract,
                             parse_concatenation());
  }
  if (node.others.empty()) return first;
  node.first = std::move(first);
  return make(line, std::move(node));
}

expression_pointer parser::parse_concatenation() {
  const std::size_t line = current().line;
  auto first = parse_product();
  if (!current().is_symbol("~")) return first;
  concatenation_expression node;
  node.parts.push_back(std::move(first));
  while (skip_symbol("~")) node.parts.push_back(parse_product());
  return make(line, std::move(node));
}

expression_pointer parser::parse_product() {
  constexpr std::pair<std::string_view, arithmetic_operator> symbols[] = {
      {"*", arithmetic_operator::multiply},
      {"/", arithmetic_operator::divide},
      {"//", arithmetic_operator::floor_divide},
      {"%", arithmetic_operator::modulo}};
  const std::size_t line = current().line;
  auto first = parse_power();
  arithmetic_expression node;
  for (bool more = true; more;) {
    more = false;
    for (const auto& [symbol, op] : symbols) {
      if (!skip_symbol(symbol)) continue;
      node.others.emplace_back(op, parse_power());
      more = true;
      break;
    }
  }
  if (node.others.empty()) return first;
  node.first = std::move(first);
  return make(line, std::move(node));
}

expression_pointer parser::parse_power() {
  const std::size_t line = current().line;
  auto first = parse_unary(true);
  arithmetic_expression node;
  while (skip_symbol("**")) node.others.emplace_back(arithmetic_operator::power, parse_unary(true));
  if (node.others.empty()) return first;
  node.first = std::move(first);
  return make(line, std::move(node));
}

expression_pointer parser::parse_unary(bool with_filters) {
  if (++depth_ > depth_limit_) fail_here("expressions nest deeper than {} levels", depth_limit_);
  const std::size_t line = current().line;
  expression_pointer parsed;
  if (current().is_symbol("-") || current().is_symbol("+")) {
    const bool minus = take().text == "-";
    parsed = make(line, sign_expression{minus, parse_unary(false)});
  } else {
    parsed = parse_primary();
  }
  parsed = parse_postfix(std::move(parsed));
  if (with_filters) parsed = parse_filters(std::move(parsed));
  --depth_;
  return parsed;
}

expression_pointer parser::parse_tuple(bool conditionals, std::string_view end_name,
                                       bool may_be_empty) {
  const std::size_t line = current().line;
  list_expression node;
  node.is_tuple = true;
  const auto at_end = [&] {
    return current().kind == token_kind::variable_end || current().kind == token_kind::block_end ||
           current().kind == token_kind::end || current().is_symbol(")") ||
           (!end_name.empty() && current().is_name(end_name));
  };
  bool comma = false;
  while (!at_end()) {
    node.items.push_back(conditionals ? parse_expression() : parse_logic(false));
    if (!skip_symbol(",")) {
      if (!comma) return std::move(node.items.front());
      break;
    }
    comma = true;
  }
  if (!comma && !may_be_empty && !failed()) fail_here("expected an expression");
  return make(line, std::move(node));
}

}  // namespace troupe::jinja
