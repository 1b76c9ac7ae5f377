#include <algorithm>

#include "runtime/template/evaluator.hpp"
#include "runtime/template/text.hpp"

namespace troupe::jinja {
namespace {

std::optional<value> take_named(arguments& args, std::string_view name) {
  for (auto it = args.named.begin(); it != args.named.end(); ++it) {
    if (it->first != name) continue;
    value v = std::move(it->second);
    args.named.erase(it);
    return v;
  }
  return {};
}

}  // namespace

value evaluator::call_macro(const macro_definition& macro, const std::shared_ptr<scope>& definition,
                            arguments& args) {
  auto inner = make_scope(definition, macro.body);
  const scoped in(*this, inner);
  bind_parameters(macro, args, *inner);
  bind_rest(macro, args, *inner);
  if (machine_.failed()) return {};
  machine::capture capture(machine_);
  static_cast<void>(execute(macro.body.statements));
  return capture.take();
}

void evaluator::bind_parameters(const macro_definition& macro, arguments& args, scope& inner) {
  if (!machine_.step(8 + macro.parameters.size() * (1 + args.named.size()) / 8)) return;
  const std::size_t given = std::min(args.positional.size(), macro.parameters.size());
  for (std::size_t i = 0; i < given; ++i) {
    inner.set(macro.parameters[i].name, args.positional[i]);
  }
  for (std::size_t i = given; i < macro.parameters.size(); ++i) {
    const auto& p = macro.parameters[i];
    if (auto named = take_named(args, p.name)) {
      inner.set(p.name, std::move(*named));
    } else if (!p.fallback) {
      inner.set(p.name, machine_.undefined("parameter '" + p.name + "' was not provided"));
    }
  }
  // A default may mention the parameters before it.
  for (std::size_t i = given; i < macro.parameters.size(); ++i) {
    const auto& p = macro.parameters[i];
    if (p.fallback && !inner.holds(p.name)) inner.set(p.name, evaluate(p.fallback));
  }
}

void evaluator::bind_rest(const macro_definition& macro, arguments& args, scope& inner) {
  const bool has_caller_parameter =
      std::any_of(macro.parameters.begin(), macro.parameters.end(),
                  [](const parameter& p) { return p.name == "caller"; });
  if (macro.uses_caller && !has_caller_parameter) {
    auto caller = take_named(args, "caller");
    inner.set("caller", caller && !caller->is_none() ? std::move(*caller)
                                                     : machine_.undefined("no caller defined"));
  }
  if (macro.uses_kwargs) {
    std::vector<dict_object::entry> rest;
    for (auto& [name, v] : args.named) rest.emplace_back(machine_.text(name), std::move(v));
    inner.set("kwargs", machine_.dict(std::move(rest)));
  } else if (!args.named.empty()) {
    machine_.fail("macro '{}' takes no keyword argument '{}'", macro.name,
                  args.named.front().first);
  }
  const std::size_t taken = std::min(args.positional.size(), macro.parameters.size());
  if (macro.uses_varargs) {
    const auto from = args.positional.begin() + static_cast<std::ptrdiff_t>(taken);
    inner.set("varargs", machine_.tuple({from, args.positional.end()}));
  } else if (args.positional.size() > taken) {
    machine_.fail("macro '{}' takes not more than {} argument(s)", macro.name,
                  macro.parameters.size());
  }
}

std::string macro_object::show(machine& /*m*/) const {
  return "<Macro " + (definition_.name.empty() ? "anonymous" : quoted(definition_.name)) + ">";
}

std::optional<value> macro_object::attribute(machine& m, std::string_view name) {
  if (name == "name" && definition_.name.empty()) return value::none();
  if (name == "name") return m.text(definition_.name);
  if (name == "catch_kwargs") return value(definition_.uses_kwargs);
  if (name == "catch_varargs") return value(definition_.uses_varargs);
  if (name == "caller") return value(definition_.uses_caller);
  if (name != "arguments") return {};
  std::vector<value> names;
  for (const auto& p : definition_.parameters) names.push_back(m.text(p.name));
  return m.tuple(std::move(names));
}

value macro_object::call(machine& m, arguments& args) {
  value v;
  if (m.enter()) v = evaluator_.call_macro(definition_, scope_, args);
  m.leave();
  return v;
}

}  // namespace troupe::jinja
