#include "runtime/template/evaluator.hpp"
#include "runtime/template/globals.hpp"
#include "runtime/template/iterate.hpp"
#include "runtime/template/loop.hpp"
#include "runtime/template/show.hpp"

namespace troupe::jinja {
namespace {

/// Steps that making a scope is worth.
constexpr std::size_t scope_cost = 8;

}  // namespace

void evaluator::run(const scoped_block& whole) {
  const scoped in(*this, inner_scope(whole));
  static_cast<void>(execute(whole.statements));
}

std::shared_ptr<scope> evaluator::make_scope(const std::shared_ptr<scope>& around,
                                             const scoped_block& body) {
  auto made = std::make_shared<scope>(around);
  for (const auto& name : body.unset) made->set(name, {});
  return made;
}

evaluator::flow evaluator::execute(const block& body) {
  flow result = flow::next;
  if (machine_.enter()) {
    for (const auto& s : body) {
      result = execute(s);
      if (result != flow::next || machine_.failed()) break;
    }
  }
  machine_.leave();
  return result;
}

evaluator::flow evaluator::execute(const statement& s) {
  if (!machine_.step()) return flow::next;
  machine_.at_line(s.line);
  return std::visit([this](const auto& node) { return run(node); }, s.node);
}

evaluator::flow evaluator::run(const text_statement& s) {
  machine_.write(s.text);
  return flow::next;
}

evaluator::flow evaluator::run(const print_statement& s) {
  const value v = evaluate(s.shown);
  if (!machine_.failed()) machine_.write(to_text(machine_, v));
  return flow::next;
}

evaluator::flow evaluator::run(const for_statement& s) {
  if (s.recursive) keep_scope();
  // The source may mention the loop around, so it is evaluated out here.
  const value source = evaluate(s.source);
  if (!machine_.failed()) run_loop(s, source, 0, scope_);
  return flow::next;
}

evaluator::flow evaluator::run(const if_statement& s) {
  for (const auto& [condition, body] : s.branches) {
    if (holds(*condition)) return execute(body);
    if (machine_.failed()) return flow::next;
  }
  return execute(s.otherwise);
}

evaluator::flow evaluator::run(const set_statement& s) {
  const value v = evaluate(s.source);
  if (!machine_.failed()) assign(s.into, v, *scope_);
  return flow::next;
}

evaluator::flow evaluator::run(const set_block_statement& s) {
  auto [text, ended] = captured(s.body);
  if (ended != flow::next) return ended;
  const value v = filtered(s.filter, std::move(text));
  if (!machine_.failed()) assign(s.into, v, *scope_);
  return flow::next;
}

evaluator::flow evaluator::run(const macro_statement& s) {
  keep_scope();
  scope_->set(s.macro.name, machine_.make<macro_object>(*this, s.macro, scope_));
  return flow::next;
}

evaluator::flow evaluator::run(const call_statement& s) {
  keep_scope();
  const auto& syntax = std::get<call_expression>(s.call->node);
  const value callee = evaluate(syntax.callee);
  arguments args = evaluate(syntax.arguments);
  args.named.emplace_back("caller", machine_.make<macro_object>(*this, s.caller, scope_));
  if (machine_.failed()) return flow::next;
  const value v = call(machine_, callee, args);
  if (!machine_.failed()) machine_.write(to_text(machine_, v));
  return flow::next;
}

evaluator::flow evaluator::run(const filter_statement& s) {
  auto [text, ended] = captured(s.body);
  if (ended != flow::next) return ended;
  const value v = filtered(s.filter, std::move(text));
  if (!machine_.failed()) machine_.write(to_text(machine_, v));
  return flow::next;
}

evaluator::flow evaluator::run(const with_statement& s) {
  auto inner = inner_scope(s.body);
  for (const auto& [into, source] : s.bindings) {
    const value v = evaluate(source);
    if (machine_.failed()) return flow::next;
    assign(into, v, *inner);
  }
  const scoped in(*this, std::move(inner));
  return execute(s.body.statements);
}

evaluator::flow evaluator::run(const scope_statement& s) {
  const scoped in(*this, inner_scope(s.body));
  return execute(s.body.statements);
}

evaluator::flow evaluator::run(const break_statement& /*s*/) { return flow::broken; }

evaluator::flow evaluator::run(const continue_statement& /*s*/) { return flow::continued; }

void evaluator::assign(const target& to, const value& v, scope& where) {
  if (to.attribute) {
    const value* found = scope_->find(to.name);
    auto* space = found == nullptr ? nullptr : dynamic_cast<namespace_object*>(found->thing());
    if (space == nullptr) {
      machine_.fail("cannot assign attribute on non-namespace object");
    } else {
      space->set(machine_, *to.attribute, v);
    }
    return;
  }
  if (!to.is_tuple) {
    where.set(to.name, v);
    return;
  }
  const auto items = collect(machine_, v);
  if (machine_.failed()) return;
  if (items.size() != to.parts.size()) {
    machine_.fail("{} values to unpack (expected {}, got {})",
                  items.size() > to.parts.size() ? "too many" : "not enough", to.parts.size(),
                  items.size());
    return;
  }
  for (std::size_t i = 0; i < items.size(); ++i) assign(to.parts[i], items[i], where);
}

std::pair<value, evaluator::flow> evaluator::captured(const scoped_block& body) {
  const scoped in(*this, inner_scope(body));
  machine::capture capture(machine_);
  const flow ended = execute(body.statements);
  return {capture.take(), ended};
}

value evaluator::filtered(const expression_pointer& filter, value text) {
  if (!filter || machine_.failed()) return text;
  std::swap(filter_input_, text);
  value v = evaluate(filter);
  std::swap(filter_input_, text);
  return v;
}

void evaluator::keep_scope() {
  machine_.at_end([kept = scope_] { kept->clear(); });
}

void evaluator::run_loop(const for_statement& loop, const value& source, std::size_t depth,
                         const std::shared_ptr<scope>& around) {
  const scoped in(*this, around);
  value items = source;
  if (loop.condition) {
    if (!cursor::open(machine_, source)) return;
    // Items are tested as they are asked for: the body may change what the condition sees.
    items = machine_.make<generator>(
        [this, &loop, around,
         from = cursor::open(machine_, source)](machine& m) mutable -> std::optional<value> {
          while (auto item = from ? from->next(m) : std::nullopt) {
            auto inner = std::make_shared<scope>(around);
            assign(loop.into, *item, *inner);
            const scoped test(*this, std::move(inner));
            if (holds(*loop.condition)) return item;
            if (m.failed()) break;
          }
          return {};
        },
        source.depth());
  }
  const value state = machine_.make<loop_object>(*this, loop, around, items, depth);
  auto* running = dynamic_cast<loop_object*>(state.thing());
  if (running == nullptr || !running->open(machine_)) return;
  // As in Jinja, the body ran when it came to its end once, without break or continue.
  bool ran = false;
  while (auto item = running->advance(machine_)) {
    if (!machine_.step(scope_cost)) return;
    auto inner = make_scope(around, loop.body);
    inner->set("loop", state);
    assign(loop.into, *item, *inner);
    const scoped body(*this, std::move(inner));
    if (machine_.failed()) return;
    const flow ended = execute(loop.body.statements);
    ran = ran || ended == flow::next;
    if (ended == flow::broken || machine_.failed()) break;
  }
  if (!ran && !machine_.failed()) {
    const scoped otherwise(*this, inner_scope(loop.otherwise));
    static_cast<void>(execute(loop.otherwise.statements));
  }
}

}  // namespace troupe::jinja
