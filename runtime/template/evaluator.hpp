#pragma once

#include <memory>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "runtime/template/ast.hpp"
#include "runtime/template/machine.hpp"

namespace troupe::jinja {

/// The variables of a block of the template. Names point into the tree or the input.
class scope {
 public:
  explicit scope(std::shared_ptr<scope> parent);

  void set(std::string_view name, value v);
  /// Looks here and in the scopes around; null when there is none.
  [[nodiscard]] const value* find(std::string_view name) const;
  /// Whether `name` is set here, whatever is around.
  [[nodiscard]] bool holds(std::string_view name) const { return position(name).has_value(); }
  void clear();
  /// How many scopes a search may visit.
  [[nodiscard]] std::size_t depth() const { return depth_; }

 private:
  [[nodiscard]] std::optional<std::size_t> position(std::string_view name) const;

  std::shared_ptr<scope> parent_;
  std::size_t depth_ = 1;
  std::vector<std::pair<std::string_view, value>> names_;
  std::unordered_map<std::string_view, std::size_t> index_;  ///< once there are many names
};

/// Runs a parsed template on a machine. Uses the machine's failure for errors.
class evaluator {
 public:
  evaluator(machine& m, std::shared_ptr<scope> root) : machine_(m), scope_(std::move(root)) {}

  /// Runs a whole template, in the scope of its input.
  void run(const scoped_block& whole);

  /// Runs `macro` in the scope it was defined in, and gives what it writes.
  [[nodiscard]] value call_macro(const macro_definition& macro,
                                 const std::shared_ptr<scope>& definition, arguments& args);
  /// Runs the body of a loop for each item of `source`: also what `loop(...)` does.
  void run_loop(const for_statement& loop, const value& source, std::size_t depth,
                const std::shared_ptr<scope>& around);

 private:
  enum class flow { next, broken, continued };

  /// Puts a scope in place of the current one for as long as it lives.
  class scoped {
   public:
    scoped(evaluator& e, std::shared_ptr<scope> inner)
        : evaluator_(e), before_(std::exchange(e.scope_, std::move(inner))) {}
    scoped(const scoped&) = delete;
    scoped& operator=(const scoped&) = delete;
    ~scoped() { evaluator_.scope_ = std::move(before_); }

   private:
    evaluator& evaluator_;
    std::shared_ptr<scope> before_;
  };
  /// A scope for `body` inside the current one, with the names that start unset in it.
  [[nodiscard]] std::shared_ptr<scope> inner_scope(const scoped_block& body) const {
    return make_scope(scope_, body);
  }
  [[nodiscard]] static std::shared_ptr<scope> make_scope(const std::shared_ptr<scope>& around,
                                                         const scoped_block& body);
  /// Takes the scope apart at the end: what is defined in it may point back to it.
  void keep_scope();

  [[nodiscard]] flow execute(const block& body);
  [[nodiscard]] flow execute(const statement& s);
  flow run(const text_statement& s);
  flow run(const print_statement& s);
  flow run(const for_statement& s);
  flow run(const if_statement& s);
  flow run(const set_statement& s);
  flow run(const set_block_statement& s);
  flow run(const macro_statement& s);
  flow run(const call_statement& s);
  flow run(const filter_statement& s);
  flow run(const with_statement& s);
  flow run(const scope_statement& s);
  flow run(const break_statement& s);
  flow run(const continue_statement& s);
  void assign(const target& to, const value& v, scope& where);
  [[nodiscard]] std::pair<value, flow> captured(const scoped_block& body);
  [[nodiscard]] value filtered(const expression_pointer& filter, value text);

  [[nodiscard]] value evaluate(const expression& e);
  [[nodiscard]] value evaluate(const expression_pointer& e) { return e ? evaluate(*e) : value(); }
  value eval(const constant_expression& e);
  value eval(const name_expression& e);
  value eval(const list_expression& e);
  value eval(const dict_expression& e);
  value eval(const conditional_expression& e);
  value eval(const logic_expression& e);
  value eval(const not_expression& e);
  value eval(const comparison_expression& e);
  value eval(const arithmetic_expression& e);
  value eval(const concatenation_expression& e);
  value eval(const sign_expression& e);
  value eval(const attribute_expression& e);
  value eval(const item_expression& e);
  value eval(const slice_expression& e);
  value eval(const call_expression& e);
  value eval(const filter_expression& e);
  value eval(const test_expression& e);
  [[nodiscard]] arguments evaluate(const call_syntax& syntax);
  [[nodiscard]] bool holds(const expression& condition);
  void bind_parameters(const macro_definition& macro, arguments& args, scope& inner);
  void bind_rest(const macro_definition& macro, arguments& args, scope& inner);

  machine& machine_;
  std::shared_ptr<scope> scope_;
  value filter_input_;  ///< the text that a filter or set block hands to its first filter
};

/// A macro, or the body of a call block, with the scope it was defined in.
class macro_object final : public object {
 public:
  macro_object(evaluator& e, const macro_definition& definition, std::shared_ptr<scope> where)
      : evaluator_(e), definition_(definition), scope_(std::move(where)) {}

  [[nodiscard]] std::string_view type_name() const override { return "Macro"; }
  [[nodiscard]] std::string show(machine& m) const override;
  [[nodiscard]] std::optional<value> attribute(machine& m, std::string_view name) override;
  [[nodiscard]] bool callable() const override { return true; }
  [[nodiscard]] value call(machine& m, arguments& args) override;

 private:
  evaluator& evaluator_;
  const macro_definition& definition_;
  std::shared_ptr<scope> scope_;
};

}  // namespace troupe::jinja
