#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "runtime/template/operators.hpp"
#include "runtime/template/registry.hpp"
#include "runtime/template/value.hpp"

/// What a template says, as a tree. Immutable once parsed; its depth is bounded by the parser.
namespace troupe::jinja {

struct expression;
struct statement;
using expression_pointer = std::unique_ptr<expression>;
using block = std::vector<statement>;

/// Statements that run in a scope of their own.
struct scoped_block {
  block statements;
  std::vector<std::string> unset;  ///< names that start unset here, see symbols.hpp
};

struct call_syntax {
  std::vector<expression_pointer> positional;
  std::vector<std::pair<std::string, expression_pointer>> named;
  expression_pointer more_positional;  ///< *list
  expression_pointer more_named;       ///< **mapping
};

struct constant_expression {
  value constant;
};
struct name_expression {
  std::string name;
};
struct list_expression {
  std::vector<expression_pointer> items;
  bool is_tuple = false;
};
struct dict_expression {
  std::vector<std::pair<expression_pointer, expression_pointer>> entries;
};
/// `then if condition else otherwise`; without `otherwise` it gives undefined.
struct conditional_expression {
  expression_pointer condition;
  expression_pointer then;
  expression_pointer otherwise;
};
/// `a and b and c`, or the same with `or`.
struct logic_expression {
  bool all = true;
  std::vector<expression_pointer> operands;
};
struct not_expression {
  expression_pointer operand;
};
/// `a < b <= c`.
struct comparison_expression {
  expression_pointer first;
  std::vector<std::pair<comparison_operator, expression_pointer>> others;
};
/// Operators of one precedence, from left to right.
struct arithmetic_expression {
  expression_pointer first;
  std::vector<std::pair<arithmetic_operator, expression_pointer>> others;
};
/// `a ~ b ~ c`.
struct concatenation_expression {
  std::vector<expression_pointer> parts;
};
struct sign_expression {
  bool minus = false;
  expression_pointer operand;
};
struct attribute_expression {
  expression_pointer subject;
  std::string name;
};
struct item_expression {
  expression_pointer subject;
  expression_pointer key;
};
struct slice_expression {
  expression_pointer subject;
  expression_pointer start;
  expression_pointer stop;
  expression_pointer step;
};
struct call_expression {
  expression_pointer callee;
  call_syntax arguments;
};
struct filter_expression {
  expression_pointer subject;  ///< none: the text of the surrounding filter or set block
  std::string name;
  filter_function function = nullptr;  ///< none: unknown, which matters only when it runs
  call_syntax arguments;
};
struct test_expression {
  expression_pointer subject;
  std::string name;
  test_function function = nullptr;
  call_syntax arguments;
};

struct expression {
  std::size_t line = 1;
  std::variant<constant_expression, name_expression, list_expression, dict_expression,
               conditional_expression, logic_expression, not_expression, comparison_expression,
               arithmetic_expression, concatenation_expression, sign_expression,
               attribute_expression, item_expression, slice_expression, call_expression,
               filter_expression, test_expression>
      node;
};

/// Where `set`, `for` and `with` put values: a name, a namespace's attribute, or several targets.
struct target {
  std::string name;
  std::optional<std::string> attribute;
  std::vector<target> parts;
  bool is_tuple = false;
};

struct parameter {
  std::string name;
  expression_pointer fallback;
};

/// The callable part of a macro or of a call block.
struct macro_definition {
  std::string name;
  std::vector<parameter> parameters;
  bool uses_caller = false;
  bool uses_kwargs = false;
  bool uses_varargs = false;
  scoped_block body;
};

struct text_statement {
  std::string text;
};
struct print_statement {
  expression_pointer shown;
};
struct for_statement {
  target into;
  expression_pointer source;
  expression_pointer condition;
  bool recursive = false;
  scoped_block body;
  scoped_block otherwise;
};
struct if_statement {
  std::vector<std::pair<expression_pointer, block>> branches;
  block otherwise;
};
struct set_statement {
  target into;
  expression_pointer source;
};
struct set_block_statement {
  target into;
  expression_pointer filter;
  scoped_block body;
};
struct macro_statement {
  macro_definition macro;
};
struct call_statement {
  macro_definition caller;
  expression_pointer call;
};
struct filter_statement {
  expression_pointer filter;
  scoped_block body;
};
struct with_statement {
  std::vector<std::pair<target, expression_pointer>> bindings;
  scoped_block body;
};
/// `generation`: its body, in a scope of its own.
struct scope_statement {
  scoped_block body;
};
struct break_statement {};
struct continue_statement {};

struct statement {
  std::size_t line = 1;
  std::variant<text_statement, print_statement, for_statement, if_statement, set_statement,
               set_block_statement, macro_statement, call_statement, filter_statement,
               with_statement, scope_statement, break_statement, continue_statement>
      node;
};

}  // namespace troupe::jinja
