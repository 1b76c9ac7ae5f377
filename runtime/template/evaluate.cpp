#include "runtime/template/evaluator.hpp"
#include "runtime/template/iterate.hpp"
#include "runtime/template/registry.hpp"
#include "runtime/template/show.hpp"

namespace troupe::jinja {

value evaluator::evaluate(const expression& e) {
  value v;
  if (machine_.enter() && machine_.step()) {
    machine_.at_line(e.line);
    v = std::visit([this](const auto& node) { return eval(node); }, e.node);
  }
  machine_.leave();
  return v;
}

bool evaluator::holds(const expression& condition) {
  return truthy(machine_, evaluate(condition)) && !machine_.failed();
}

value evaluator::eval(const constant_expression& e) { return e.constant; }

value evaluator::eval(const name_expression& e) {
  if (!machine_.step(scope_->depth() / 4)) return {};
  if (const value* v = scope_->find(e.name)) {
    return v->is_unset() ? machine_.undefined("'" + e.name + "' is undefined") : *v;
  }
  if (auto global = find_global(machine_, e.name)) return std::move(*global);
  return machine_.undefined("'" + e.name + "' is undefined");
}

value evaluator::eval(const list_expression& e) {
  std::vector<value> items;
  items.reserve(e.items.size());
  for (const auto& item : e.items) items.push_back(evaluate(item));
  return machine_.list(std::move(items), e.is_tuple ? sequence_kind::tuple : sequence_kind::list);
}

value evaluator::eval(const dict_expression& e) {
  std::vector<dict_object::entry> entries;
  entries.reserve(e.entries.size());
  for (const auto& [key, item] : e.entries) {
    value k = evaluate(key);
    if (!hashable(machine_, k)) return {};
    value v = evaluate(item);
    entries.emplace_back(std::move(k), std::move(v));
  }
  return machine_.dict(std::move(entries));
}

value evaluator::eval(const conditional_expression& e) {
  if (holds(*e.condition)) return evaluate(e.then);
  if (machine_.failed()) return {};
  if (e.otherwise) return evaluate(e.otherwise);
  return machine_.undefined(
      "the inline if-expression evaluated to false and no else section was defined");
}

value evaluator::eval(const logic_expression& e) {
  value v;
  for (const auto& operand : e.operands) {
    v = evaluate(operand);
    if (machine_.failed() || truthy(machine_, v) != e.all) break;
  }
  return v;
}

value evaluator::eval(const not_expression& e) {
  return value(!truthy(machine_, evaluate(e.operand)));
}

value evaluator::eval(const comparison_expression& e) {
  value left = evaluate(e.first);
  for (const auto& [op, operand] : e.others) {
    value right = evaluate(operand);
    if (machine_.failed() || !compare(machine_, op, left, right)) return value(false);
    left = std::move(right);
  }
  return value(true);
}

value evaluator::eval(const arithmetic_expression& e) {
  value left = evaluate(e.first);
  for (const auto& [op, operand] : e.others) {
    const value right = evaluate(operand);
    if (machine_.failed()) return {};
    left = calculate(machine_, op, left, right);
  }
  return left;
}

value evaluator::eval(const concatenation_expression& e) {
  std::string all;
  for (const auto& part : e.parts) {
    const value v = evaluate(part);
    if (machine_.failed()) return {};
    all += to_text(machine_, v);
    if (!machine_.room(all.size())) return {};
  }
  return machine_.text(std::move(all));
}

value evaluator::eval(const sign_expression& e) {
  const value v = evaluate(e.operand);
  return e.minus ? negate(machine_, v) : plus(machine_, v);
}

value evaluator::eval(const attribute_expression& e) {
  const value subject = evaluate(e.subject);
  return machine_.failed() ? value() : get_attribute(machine_, subject, e.name);
}

value evaluator::eval(const item_expression& e) {
  const value subject = evaluate(e.subject);
  const value key = evaluate(e.key);
  return machine_.failed() ? value() : get_item(machine_, subject, key);
}

value evaluator::eval(const slice_expression& e) {
  const auto bound = [this](const expression_pointer& p) {
    return p ? evaluate(p) : value::none();
  };
  const value subject = evaluate(e.subject);
  const value start = bound(e.start);
  const value stop = bound(e.stop);
  const value step = bound(e.step);
  return machine_.failed() ? value() : get_slice(machine_, subject, start, stop, step);
}

value evaluator::eval(const call_expression& e) {
  const value callee = evaluate(e.callee);
  const std::size_t line = machine_.line();
  arguments args = evaluate(e.arguments);
  if (machine_.failed()) return {};
  machine_.at_line(line);
  return call(machine_, callee, args);
}

value evaluator::eval(const filter_expression& e) {
  const std::size_t line = machine_.line();
  const value subject = e.subject ? evaluate(e.subject) : filter_input_;
  arguments args = evaluate(e.arguments);
  if (machine_.failed()) return {};
  machine_.at_line(line);
  if (e.function == nullptr) return machine_.fail("no filter named '{}'", e.name);
  return e.function(machine_, subject, args);
}

value evaluator::eval(const test_expression& e) {
  const std::size_t line = machine_.line();
  const value subject = evaluate(e.subject);
  arguments args = evaluate(e.arguments);
  if (machine_.failed()) return {};
  machine_.at_line(line);
  if (e.function == nullptr) return machine_.fail("no test named '{}'", e.name);
  return value(e.function(machine_, subject, args));
}

arguments evaluator::evaluate(const call_syntax& syntax) {
  arguments args;
  args.positional.reserve(syntax.positional.size());
  for (const auto& item : syntax.positional) args.positional.push_back(evaluate(item));
  for (const auto& [name, item] : syntax.named) args.named.emplace_back(name, evaluate(item));
  if (syntax.more_positional) {
    for (auto& item : collect(machine_, evaluate(syntax.more_positional))) {
      args.positional.push_back(std::move(item));
    }
  }
  if (!syntax.more_named) return args;
  const value more = evaluate(syntax.more_named);
  const auto* mapping = more.dict();
  if (mapping == nullptr) {
    machine_.fail("the argument after ** must be a mapping, not {}", more.type_name());
    return args;
  }
  const std::size_t written = args.named.size();
  for (const auto& [key, item] : mapping->entries()) {
    if (key.text() == nullptr) {
      machine_.fail("keywords must be strings");
      return args;
    }
    for (std::size_t i = 0; i < written; ++i) {
      if (args.named[i].first != key.text()->bytes) continue;
      machine_.fail("keyword argument '{}' is repeated", args.named[i].first);
    }
    if (!machine_.step(1 + written / 8)) return args;
    args.named.emplace_back(key.text()->bytes, item);
  }
  return args;
}

}  // namespace troupe::jinja
