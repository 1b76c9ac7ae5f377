#include <algorithm>

#include "runtime/template/iterate.hpp"
#include "runtime/template/operators.hpp"
#include "runtime/template/parameters.hpp"
#include "runtime/template/registry.hpp"
#include "runtime/template/show.hpp"
#include "runtime/template/text.hpp"

namespace troupe::jinja {
namespace {

using kind_check = bool (*)(const value&);

/// A test that takes no arguments.
template <kind_check Check>
bool plain(machine& m, const value& v, arguments& args) {
  const parameters none(m, "test", args, {});
  return Check(v);
}

template <comparison_operator Operator>
bool comparing(machine& m, const value& v, arguments& args) {
  const parameters given(m, "test", args, {""}, 1);
  return !m.failed() && compare(m, Operator, v, given[0]);
}

bool divides(machine& m, const value& v, const value& by, integer rest) {
  const value left = calculate(m, arithmetic_operator::modulo, v, by);
  return !m.failed() && equal(m, left, value(rest));
}

bool odd(machine& m, const value& v, arguments& args) {
  const parameters none(m, "odd", args, {});
  return divides(m, v, value(2), 1);
}

bool even(machine& m, const value& v, arguments& args) {
  const parameters none(m, "even", args, {});
  return divides(m, v, value(2), 0);
}

bool divisible_by(machine& m, const value& v, arguments& args) {
  const parameters given(m, "divisibleby", args, {"num"}, 1);
  return !m.failed() && divides(m, v, given[0], 0);
}

bool same_as(machine& m, const value& v, arguments& args) {
  const parameters given(m, "sameas", args, {"other"}, 1);
  return !m.failed() && v.same_as(given[0]);
}

bool in(machine& m, const value& v, arguments& args) {
  const parameters given(m, "in", args, {"seq"}, 1);
  return !m.failed() && contains(m, given[0], v);
}

bool lower(machine& m, const value& v, arguments& args) {
  const parameters none(m, "lower", args, {});
  return all_cased(to_text(m, v), false);
}

bool upper(machine& m, const value& v, arguments& args) {
  const parameters none(m, "upper", args, {});
  return all_cased(to_text(m, v), true);
}

bool is_filter(machine& m, const value& v, arguments& args) {
  const parameters none(m, "filter", args, {});
  if (!hashable(m, v) || v.text() == nullptr) return false;
  return find_filter(v.text()->bytes) != nullptr;
}

bool is_test(machine& m, const value& v, arguments& args) {
  const parameters none(m, "test", args, {});
  if (!hashable(m, v) || v.text() == nullptr) return false;
  return find_test(v.text()->bytes) != nullptr;
}

bool defined(const value& v) { return !v.is_undefined(); }
bool undefined(const value& v) { return v.is_undefined(); }
bool none(const value& v) { return v.is_none(); }
bool boolean(const value& v) { return v.boolean() != nullptr; }
bool is_true(const value& v) { return v.boolean() != nullptr && *v.boolean(); }
bool is_false(const value& v) { return v.boolean() != nullptr && !*v.boolean(); }
bool whole(const value& v) { return v.whole() != nullptr; }
bool real(const value& v) { return v.real() != nullptr; }
bool number(const value& v) { return v.is_number(); }
bool string(const value& v) { return v.text() != nullptr; }
bool mapping(const value& v) { return v.dict() != nullptr; }
bool escaped(const value& v) { return v.text() != nullptr && v.text()->markup; }
bool callable(const value& v) {
  return v.is_undefined() || (v.thing() != nullptr && v.thing()->callable());
}
bool sequence(const value& v) {
  if (const auto* l = v.list()) {
    return l->is_tuple() || l->kind() == sequence_kind::list || l->kind() == sequence_kind::range;
  }
  return v.is_undefined() || v.text() != nullptr || v.dict() != nullptr;
}

constexpr named<test_function> tests[] = {
    {"defined", plain<defined>},
    {"undefined", plain<undefined>},
    {"none", plain<none>},
    {"boolean", plain<boolean>},
    {"true", plain<is_true>},
    {"false", plain<is_false>},
    {"integer", plain<whole>},
    {"float", plain<real>},
    {"number", plain<number>},
    {"string", plain<string>},
    {"mapping", plain<mapping>},
    {"sequence", plain<sequence>},
    {"iterable", plain<cursor::possible>},
    {"callable", plain<callable>},
    {"escaped", plain<escaped>},
    {"odd", odd},
    {"even", even},
    {"divisibleby", divisible_by},
    {"sameas", same_as},
    {"in", in},
    {"lower", lower},
    {"upper", upper},
    {"filter", is_filter},
    {"test", is_test},
    {"==", comparing<comparison_operator::equal>},
    {"eq", comparing<comparison_operator::equal>},
    {"equalto", comparing<comparison_operator::equal>},
    {"!=", comparing<comparison_operator::not_equal>},
    {"ne", comparing<comparison_operator::not_equal>},
    {">", comparing<comparison_operator::greater>},
    {"gt", comparing<comparison_operator::greater>},
    {"greaterthan", comparing<comparison_operator::greater>},
    {">=", comparing<comparison_operator::greater_equal>},
    {"ge", comparing<comparison_operator::greater_equal>},
    {"<", comparing<comparison_operator::less>},
    {"lt", comparing<comparison_operator::less>},
    {"lessthan", comparing<comparison_operator::less>},
    {"<=", comparing<comparison_operator::less_equal>},
    {"le", comparing<comparison_operator::less_equal>},
};

}  // namespace

test_function find_test(std::string_view name) {
  const auto* found = std::find_if(std::begin(tests), std::end(tests),
                                   [&](const auto& entry) { return entry.name == name; });
  return found == std::end(tests) ? nullptr : found->function;
}

}  // namespace troupe::jinja
