#include "runtime/template/symbols.hpp"

#include <initializer_list>
#include <set>
#include <string_view>

namespace troupe::jinja {
namespace {

/// The names that a scope mentions, as Jinja tracks them when it compiles.
class frame {
 public:
  explicit frame(const frame* around) : around_(around) {}
  /// A branch of `base`, to be merged into it when it has been read.
  struct branch_tag {};
  frame(branch_tag /*tag*/, const frame& base) : around_(base.around_), base_(&base) {}

  void declare(std::string_view name) { mentioned_.insert(name); }
  void load(std::string_view name) {
    if (!known(name)) mentioned_.insert(name);
  }
  void store(std::string_view name) {
    stored_.insert(name);
    if (mentioned(name)) return;
    mentioned_.insert(name);
    if (around_ == nullptr || !around_->known(name)) unset_.insert(name);
  }
  void merge(std::initializer_list<const frame*> branches) {
    std::set<std::string_view> assigned;
    for (const frame* branch : branches) {
      mentioned_.insert(branch->mentioned_.begin(), branch->mentioned_.end());
      unset_.insert(branch->unset_.begin(), branch->unset_.end());
      for (const auto name : branch->stored_) {
        if (!stored(name)) assigned.insert(name);
      }
    }
    // What only a branch assigns is looked up in the input first.
    for (const auto name : assigned) unset_.erase(name);
    stored_.insert(assigned.begin(), assigned.end());
  }
  [[nodiscard]] std::vector<std::string> unset() const { return {unset_.begin(), unset_.end()}; }

 private:
  [[nodiscard]] bool mentioned(std::string_view name) const {
    return mentioned_.contains(name) || (base_ != nullptr && base_->mentioned(name));
  }
  [[nodiscard]] bool stored(std::string_view name) const {
    return stored_.contains(name) || (base_ != nullptr && base_->stored(name));
  }
  [[nodiscard]] bool known(std::string_view name) const {
    return mentioned(name) || (around_ != nullptr && around_->known(name));
  }

  const frame* around_;
  const frame* base_ = nullptr;
  std::set<std::string_view> mentioned_;
  std::set<std::string_view> stored_;
  std::set<std::string_view> unset_;
};

/// Records the names that an expression reads.
class reader {
 public:
  explicit reader(frame& f) : frame_(f) {}

  void read(const expression_pointer& e) {
    if (e) std::visit(*this, e->node);
  }
  void operator()(const constant_expression& /*e*/) {}
  void operator()(const name_expression& e) { frame_.load(e.name); }
  void operator()(const list_expression& e) { read_all(e.items); }
  void operator()(const dict_expression& e) {
    for (const auto& [key, item] : e.entries) {
      read(key);
      read(item);
    }
  }
  void operator()(const conditional_expression& e) {
    read(e.condition);
    read(e.then);
    read(e.otherwise);
  }
  void operator()(const logic_expression& e) { read_all(e.operands); }
  void operator()(const not_expression& e) { read(e.operand); }
  void operator()(const comparison_expression& e) {
    read(e.first);
    for (const auto& other : e.others) read(other.second);
  }
  void operator()(const arithmetic_expression& e) {
    read(e.first);
    for (const auto& other : e.others) read(other.second);
  }
  void operator()(const concatenation_expression& e) { read_all(e.parts); }
  void operator()(const sign_expression& e) { read(e.operand); }
  void operator()(const attribute_expression& e) { read(e.subject); }
  void operator()(const item_expression& e) {
    read(e.subject);
    read(e.key);
  }
  void operator()(const slice_expression& e) {
    read(e.subject);
    read(e.start);
    read(e.stop);
    read(e.step);
  }
  void operator()(const call_expression& e) {
    read(e.callee);
    read(e.arguments);
  }
  void operator()(const filter_expression& e) {
    read(e.subject);
    read(e.arguments);
  }
  void operator()(const test_expression& e) {
    read(e.subject);
    read(e.arguments);
  }

 private:
  void read_all(const std::vector<expression_pointer>& all) {
    for (const auto& e : all) read(e);
  }
  void read(const call_syntax& syntax) {
    read_all(syntax.positional);
    for (const auto& argument : syntax.named) read(argument.second);
    read(syntax.more_positional);
    read(syntax.more_named);
  }

  frame& frame_;
};

void read(frame& f, const expression_pointer& e) { reader(f).read(e); }

void store(frame& f, const target& to) {
  if (to.attribute) {
    f.load(to.name);
  } else if (!to.is_tuple) {
    f.store(to.name);
  }
  for (const auto& part : to.parts) store(f, part);
}

void declare(frame& f, const target& to) {
  if (!to.is_tuple) f.declare(to.name);
  for (const auto& part : to.parts) declare(f, part);
}

/// Records what the statements of one scope mention, without looking into the scopes inside.
class surface {
 public:
  explicit surface(frame& f) : frame_(f) {}

  void look(const block& body) {
    for (const auto& s : body) std::visit(*this, s.node);
  }
  void operator()(const text_statement& /*s*/) {}
  void operator()(const print_statement& s) { read(frame_, s.shown); }
  void operator()(const for_statement& s) { read(frame_, s.source); }
  void operator()(const if_statement& s) {
    read(frame_, s.branches.front().first);
    frame first(frame::branch_tag(), frame_);
    frame others(frame::branch_tag(), frame_);
    frame otherwise(frame::branch_tag(), frame_);
    surface(first).look(s.branches.front().second);
    // Further branches are nested in each other's place, one after the other.
    for (std::size_t i = 1; i < s.branches.size(); ++i) {
      read(others, s.branches[i].first);
      frame inside(frame::branch_tag(), others);
      surface(inside).look(s.branches[i].second);
      others.merge({&inside});
    }
    surface(otherwise).look(s.otherwise);
    frame_.merge({&first, &others, &otherwise});
  }
  void operator()(const set_statement& s) {
    read(frame_, s.source);
    store(frame_, s.into);
  }
  void operator()(const set_block_statement& s) { store(frame_, s.into); }
  void operator()(const macro_statement& s) { frame_.store(s.macro.name); }
  void operator()(const call_statement& s) { read(frame_, s.call); }
  void operator()(const filter_statement& s) { read(frame_, s.filter); }
  void operator()(const with_statement& s) {
    for (const auto& binding : s.bindings) read(frame_, binding.second);
  }
  void operator()(const scope_statement& /*s*/) {}
  void operator()(const break_statement& /*s*/) {}
  void operator()(const continue_statement& /*s*/) {}

 private:
  frame& frame_;
};

/// Goes into the scopes inside a scope whose own names are known.
class descent {
 public:
  explicit descent(const frame& around) : around_(around) {}

  void enter(block& body) {
    for (auto& s : body) std::visit(*this, s.node);
  }
  void operator()(for_statement& s) {
    frame inside(&around_);
    declare(inside, s.into);
    inside.declare("loop");
    finish(inside, s.body);
    frame otherwise(&around_);
    finish(otherwise, s.otherwise);
  }
  void operator()(if_statement& s) {
    for (auto& branch : s.branches) enter(branch.second);
    enter(s.otherwise);
  }
  void operator()(set_block_statement& s) {
    frame inside(&around_);
    read(inside, s.filter);
    finish(inside, s.body);
  }
  void operator()(macro_statement& s) { enter_macro(s.macro); }
  void operator()(call_statement& s) { enter_macro(s.caller); }
  void operator()(filter_statement& s) {
    frame inside(&around_);
    finish(inside, s.body);
  }
  void operator()(with_statement& s) {
    frame inside(&around_);
    for (const auto& binding : s.bindings) declare(inside, binding.first);
    finish(inside, s.body);
  }
  void operator()(scope_statement& s) {
    frame inside(&around_);
    finish(inside, s.body);
  }
  template <class Other>
  void operator()(Other& /*s*/) {}

  static void finish(frame& inside, scoped_block& body) {
    surface(inside).look(body.statements);
    body.unset = inside.unset();
    descent(inside).enter(body.statements);
  }

 private:
  void enter_macro(macro_definition& macro) {
    frame inside(&around_);
    for (const auto& p : macro.parameters) inside.declare(p.name);
    for (const std::string_view name : {"caller", "kwargs", "varargs"}) inside.declare(name);
    for (const auto& p : macro.parameters) read(inside, p.fallback);
    finish(inside, macro.body);
  }

  const frame& around_;
};

}  // namespace

void find_unset_names(scoped_block& root) {
  frame outermost(nullptr);
  descent::finish(outermost, root);
}

}  // namespace troupe::jinja
