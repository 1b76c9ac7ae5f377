#include <algorithm>
#include <cmath>

#include "runtime/template/iterate.hpp"
#include "runtime/template/operators.hpp"

namespace troupe::jinja {
namespace {

constexpr std::string_view symbol(comparison_operator op) {
  switch (op) {
    case comparison_operator::less:
      return "<";
    case comparison_operator::less_equal:
      return "<=";
    case comparison_operator::greater:
      return ">";
    default:
      return ">=";
  }
}

/// Levels of lists inside lists are bounded by the machine, so this recursion is too.
bool equal_lists(machine& m, const list_object& a, const list_object& b) {
  if (&a == &b) return true;
  const bool same_type = a.kind() == b.kind() || (a.is_tuple() && b.is_tuple());
  if (!same_type || a.items().size() != b.items().size()) return false;
  for (std::size_t i = 0; i < a.items().size(); ++i) {
    if (!a.items()[i].same_as(b.items()[i]) && !equal(m, a.items()[i], b.items()[i])) return false;
  }
  return true;
}

bool equal_dicts(machine& m, const dict_object& a, const dict_object& b) {
  if (&a == &b) return true;
  if (a.entries().size() != b.entries().size()) return false;
  return std::all_of(a.entries().begin(), a.entries().end(), [&](const auto& entry) {
    const value* other = b.find(m, entry.first);
    return other != nullptr && (entry.second.same_as(*other) || equal(m, entry.second, *other));
  });
}

/// An integer and a float compare by their exact values.
int order_of(integer whole, double real) {
  if (real >= 0x1p126) return -1;
  if (real <= -0x1p126) return 1;
  const auto floor = static_cast<integer>(std::floor(real));
  if (whole != floor) return whole < floor ? -1 : 1;
  return std::floor(real) < real ? -1 : 0;
}

bool ordered(machine& m, comparison_operator op, const value& a, const value& b);

bool ordered_lists(machine& m, comparison_operator op, const list_object& a, const list_object& b) {
  const std::size_t shared = std::min(a.items().size(), b.items().size());
  for (std::size_t i = 0; i < shared; ++i) {
    const auto& left = a.items()[i];
    const auto& right = b.items()[i];
    if (!left.same_as(right) && !equal(m, left, right)) return ordered(m, op, left, right);
  }
  return ordered(m, op, value(a.items().size()), value(b.items().size()));
}

template <class Number>
bool holds(comparison_operator op, const Number& a, const Number& b) {
  switch (op) {
    case comparison_operator::less:
      return a < b;
    case comparison_operator::less_equal:
      return a <= b;
    case comparison_operator::greater:
      return a > b;
    default:
      return a >= b;
  }
}

bool ordered(machine& m, comparison_operator op, const value& a, const value& b) {
  if (!m.step()) return false;
  if (a.is_undefined() || b.is_undefined()) {
    fail_undefined(m, a.is_undefined() ? a : b);
    return false;
  }
  const auto left = a.as_integer();
  const auto right = b.as_integer();
  if (left && right) return holds(op, *left, *right);
  if (a.is_number() && b.is_number()) {
    const double real = left ? *b.as_double() : *a.as_double();
    if (std::isnan(real)) return false;
    if (left) return holds(op, order_of(*left, real), 0);
    if (right) return holds(op, 0, order_of(*right, real));
    return holds(op, *a.as_double(), *b.as_double());
  }
  if (a.text() != nullptr && b.text() != nullptr)
    return holds(op, a.text()->bytes, b.text()->bytes);
  if (a.list() != nullptr && b.list() != nullptr) {
    const auto& x = *a.list();
    const auto& y = *b.list();
    const bool lists = x.kind() == sequence_kind::list && y.kind() == sequence_kind::list;
    if (lists || (x.is_tuple() && y.is_tuple())) return ordered_lists(m, op, x, y);
  }
  m.fail("'{}' not supported between instances of '{}' and '{}'", symbol(op), a.type_name(),
         b.type_name());
  return false;
}

}  // namespace

value fail_undefined(machine& m, const value& v) { return m.fail("{}", v.undefined_message()); }

bool truthy(machine& m, const value& v) {
  if (v.is_undefined() || v.is_none()) return false;
  if (const bool* b = v.boolean()) return *b;
  if (const integer* i = v.whole()) return *i != 0;
  if (const double* d = v.real()) return *d != 0.0;
  if (const auto* t = v.text()) return !t->bytes.empty();
  if (const auto* l = v.list()) return !l->items().empty();
  if (const auto* d = v.dict()) return !d->entries().empty();
  const auto length = v.thing()->length(m);
  return !length || *length != 0;
}

bool equal(machine& m, const value& a, const value& b) {
  if (!m.step()) return false;
  if (a.is_undefined() || b.is_undefined()) return a.is_undefined() == b.is_undefined();
  const auto left = a.as_integer();
  const auto right = b.as_integer();
  if (left && right) return *left == *right;
  if (a.is_number() && b.is_number()) {
    const double real = left ? *b.as_double() : *a.as_double();
    if (std::isnan(real)) return false;
    if (left) return order_of(*left, real) == 0;
    if (right) return order_of(*right, real) == 0;
    return *a.as_double() == *b.as_double();
  }
  if (a.text() != nullptr && b.text() != nullptr) return a.text()->bytes == b.text()->bytes;
  if (a.list() != nullptr && b.list() != nullptr) return equal_lists(m, *a.list(), *b.list());
  if (a.dict() != nullptr && b.dict() != nullptr) return equal_dicts(m, *a.dict(), *b.dict());
  return a.same_as(b);
}

bool less(machine& m, const value& a, const value& b) {
  return ordered(m, comparison_operator::less, a, b);
}

bool contains(machine& m, const value& container, const value& item) {
  if (const auto* text = container.text()) {
    if (const auto* part = item.text()) {
      return m.step_search(text->bytes.size(), part->bytes.size()) &&
             text->bytes.find(part->bytes) != std::string::npos;
    }
    m.fail("'in <string>' requires string as left operand, not {}", item.type_name());
    return false;
  }
  if (const auto* dict = container.dict()) {
    return hashable(m, item) && dict->find(m, item) != nullptr;
  }
  if (const auto* list = container.list()) {
    if (list->kind() == sequence_kind::keys && !hashable(m, item)) return false;
    return std::any_of(list->items().begin(), list->items().end(), [&](const value& candidate) {
      return candidate.same_as(item) || equal(m, candidate, item);
    });
  }
  auto items = cursor::open(m, container);
  if (!items) return false;
  while (auto candidate = items->next(m)) {
    if (candidate->same_as(item) || equal(m, *candidate, item)) return true;
  }
  return false;
}

bool compare(machine& m, comparison_operator op, const value& a, const value& b) {
  switch (op) {
    case comparison_operator::equal:
      return equal(m, a, b);
    case comparison_operator::not_equal:
      return !equal(m, a, b);
    case comparison_operator::in:
      return contains(m, b, a);
    case comparison_operator::not_in:
      return !contains(m, b, a);
    default:
      return ordered(m, op, a, b);
  }
}

bool hashable(machine& m, const value& v) {
  if (const auto* l = v.list()) {
    const bool fixed = l->is_tuple() || l->kind() == sequence_kind::range;
    if (fixed && std::all_of(l->items().begin(), l->items().end(),
                             [&](const value& item) { return m.step() && hashable(m, item); })) {
      return true;
    }
  } else if (v.dict() == nullptr) {
    return true;
  }
  m.fail("unhashable type: '{}'", v.type_name());
  return false;
}

}  // namespace troupe::jinja
