#pragma once

#include <initializer_list>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "runtime/template/ast.hpp"
#include "runtime/template/lexer.hpp"

namespace troupe::jinja {

/// Builds the tree of a template from its tokens. The first failure sticks and moves to the end of
/// the input, so that every loop ends by itself. Used once.
class parser {
 public:
  parser(std::vector<token> tokens, std::size_t depth_limit);
  [[nodiscard]] result<scoped_block> run();

 private:
  // Tokens.
  [[nodiscard]] const token& current() const { return tokens_[at_]; }
  [[nodiscard]] const token& ahead() const;
  token take();
  [[nodiscard]] bool skip_name(std::string_view name);
  [[nodiscard]] bool skip_symbol(std::string_view symbol);
  void expect_symbol(std::string_view symbol);
  void expect_name(std::string_view name);
  std::string expect_any_name();
  void expect_block_end();
  [[nodiscard]] bool failed() const { return error_.has_value(); }
  template <class... Args>
  void fail_here(fmt::format_string<Args...> format, Args&&... args) {
    fail_line(current().line, fmt::format(format, std::forward<Args>(args)...));
  }
  void fail_line(std::size_t line, const std::string& message);
  void unexpected();
  void note_unknown(std::size_t line, std::string_view what, std::string_view name);

  // Expressions, from loose to tight.
  [[nodiscard]] expression_pointer parse_expression();
  [[nodiscard]] expression_pointer parse_conditional();
  [[nodiscard]] expression_pointer parse_logic(bool all);
  [[nodiscard]] expression_pointer parse_not();
  [[nodiscard]] expression_pointer parse_comparison();
  [[nodiscard]] std::optional<comparison_operator> take_comparison();
  [[nodiscard]] expression_pointer parse_sum();
  [[nodiscard]] expression_pointer parse_concatenation();
  [[nodiscard]] expression_pointer parse_product();
  [[nodiscard]] expression_pointer parse_power();
  [[nodiscard]] expression_pointer parse_unary(bool with_filters);
  [[nodiscard]] expression_pointer parse_primary();
  [[nodiscard]] expression_pointer parse_name();
  [[nodiscard]] expression_pointer parse_list();
  [[nodiscard]] expression_pointer parse_dict();
  [[nodiscard]] expression_pointer parse_postfix(expression_pointer subject);
  [[nodiscard]] expression_pointer parse_filters(expression_pointer subject);
  [[nodiscard]] expression_pointer parse_filter(expression_pointer subject);
  [[nodiscard]] expression_pointer parse_test(expression_pointer subject);
  [[nodiscard]] expression_pointer parse_subscript(expression_pointer subject);
  [[nodiscard]] expression_pointer parse_call(expression_pointer callee);
  [[nodiscard]] call_syntax parse_arguments();
  [[nodiscard]] std::string parse_dotted_name();
  /// One expression, or a tuple when commas follow.
  [[nodiscard]] expression_pointer parse_tuple(bool conditionals, std::string_view end_name = {},
                                               bool may_be_empty = false);

  // Statements.
  [[nodiscard]] block parse_block(std::initializer_list<std::string_view> ends);
  [[nodiscard]] block parse_body(std::initializer_list<std::string_view> ends);
  /// The body of a statement that opens a scope.
  [[nodiscard]] scoped_block parse_scoped_body(std::initializer_list<std::string_view> ends);
  void parse_statement(block& into);
  void parse_for(block& into);
  void parse_if(block& into);
  void parse_set(block& into);
  void parse_macro(block& into);
  void parse_call_block(block& into);
  void parse_filter_block(block& into);
  void parse_with(block& into);
  void parse_print(block& into);
  void parse_scope(block& into);
  void parse_loop_control(block& into);
  void parse_signature(macro_definition& macro);
  void parse_macro_body(macro_definition& macro, std::string_view end);
  [[nodiscard]] target parse_target(std::string_view end_name, bool with_attributes);
  [[nodiscard]] target parse_single_target(bool with_attributes);

  template <class Node>
  [[nodiscard]] static expression_pointer make(std::size_t line, Node node) {
    auto made = std::make_unique<expression>();
    made->line = line;
    made->node = std::move(node);
    return made;
  }
  template <class Node>
  static void add(block& into, std::size_t line, Node node) {
    statement s;
    s.line = line;
    s.node = std::move(node);
    into.push_back(std::move(s));
  }

  std::vector<token> tokens_;
  std::size_t at_ = 0;
  std::size_t depth_ = 0;
  std::size_t depth_limit_;
  std::size_t conditions_ = 0;  ///< branches around: names unknown in there fail when they run
  std::size_t loops_ = 0;
  /// Filters and tests that do not exist, with their lines, outside of any branch so far.
  std::vector<std::pair<std::size_t, std::string>> unknown_;
  std::vector<macro_definition*> macros_;
  std::optional<error> error_;
};

}  // namespace troupe::jinja
