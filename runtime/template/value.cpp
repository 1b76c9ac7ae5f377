#include "runtime/template/value.hpp"

#include <algorithm>

#include "runtime/template/machine.hpp"
#include "runtime/template/operators.hpp"

namespace troupe::jinja {

std::string object::show(machine& /*m*/) const {
  return "<" + std::string(type_name()) + " object>";
}

std::optional<value> object::attribute(machine& /*m*/, std::string_view /*name*/) { return {}; }

value object::call(machine& m, arguments& /*args*/) {
  return m.fail("'{}' object is not callable", type_name());
}

std::optional<value> object::next(machine& /*m*/) { return {}; }

std::optional<std::size_t> object::length(machine& /*m*/) { return {}; }

value value::undefined(text_pointer message) {
  value v;
  v.data_ = undefined_value{std::move(message)};
  return v;
}

value value::none() {
  value v;
  v.data_ = none_value{};
  return v;
}

value::object_pointer value::share_thing() const {
  const auto* found = std::get_if<object_pointer>(&data_);
  return found == nullptr ? nullptr : *found;
}

value::text_pointer value::share_text() const {
  const auto* found = std::get_if<text_pointer>(&data_);
  return found == nullptr ? nullptr : *found;
}

std::optional<integer> value::as_integer() const {
  if (const bool* b = boolean()) return *b ? 1 : 0;
  if (const integer* i = whole()) return *i;
  return {};
}

std::optional<double> value::as_double() const {
  if (const double* d = real()) return *d;
  if (const auto i = as_integer()) return static_cast<double>(*i);
  return {};
}

std::string_view value::type_name() const {
  if (is_undefined()) return "Undefined";
  if (is_none()) return "NoneType";
  if (boolean() != nullptr) return "bool";
  if (whole() != nullptr) return "int";
  if (real() != nullptr) return "float";
  if (const auto* t = text()) return t->markup ? "Markup" : "str";
  if (dict() != nullptr) return "dict";
  if (const auto* l = list()) {
    switch (l->kind()) {
      case sequence_kind::list:
        return "list";
      case sequence_kind::tuple:
      case sequence_kind::group:
        return "tuple";
      case sequence_kind::range:
        return "range";
      case sequence_kind::keys:
        return "dict_keys";
      case sequence_kind::values:
        return "dict_values";
      case sequence_kind::items:
        return "dict_items";
    }
  }
  return thing()->type_name();
}

bool value::same_as(const value& other) const {
  if (data_.index() != other.data_.index()) return false;
  if (is_none()) return true;
  if (const bool* b = boolean()) return *b == *other.boolean();
  if (const integer* i = whole()) return *i == *other.whole();
  if (const auto* t = text()) {
    // Python keeps one object for the empty string and for each one-byte character.
    return t == other.text() || (t->points <= 1 && t->bytes == other.text()->bytes);
  }
  if (const auto* l = list()) {
    return l == other.list() || (l->is_tuple() && other.list()->is_tuple() && l->items().empty() &&
                                 other.list()->items().empty());
  }
  if (dict() != nullptr) return dict() == other.dict();
  return thing() != nullptr && thing() == other.thing();
}

std::string_view value::undefined_message() const {
  const auto* u = std::get_if<undefined_value>(&data_);
  return u != nullptr && u->message ? std::string_view(u->message->bytes) : "value is undefined";
}

bool value::is_unset() const {
  const auto* u = std::get_if<undefined_value>(&data_);
  return u != nullptr && !u->message;
}

std::size_t value::depth() const {
  if (const auto* l = list()) return l->depth();
  if (const auto* d = dict()) return d->depth();
  if (const auto* o = thing()) return o->depth();
  return 0;
}

list_object::list_object(std::vector<value> items, sequence_kind kind, charge cost)
    : items_(std::move(items)), kind_(kind), cost_(std::move(cost)) {
  for (const auto& item : items_) depth_ = std::max(depth_, item.depth() + 1);
}

dict_object::dict_object(machine& m, std::vector<entry>&& entries, charge cost)
    : cost_(std::move(cost)) {
  entries_.reserve(entries.size());
  for (auto& [key, item] : entries) {
    depth_ = std::max({depth_, item.depth() + 1, key.depth() + 1});
    if (const auto at = position(m, key)) {
      entries_[*at].second = std::move(item);
      continue;
    }
    if (const auto* t = key.text()) {
      by_text_.emplace(t->bytes, entries_.size());
    } else {
      ++others_;
    }
    entries_.emplace_back(std::move(key), std::move(item));
  }
}

std::optional<std::size_t> dict_object::position(machine& m, const value& key) const {
  if (const auto* t = key.text()) {
    const auto found = by_text_.find(t->bytes);
    return found == by_text_.end() ? std::nullopt : std::optional(found->second);
  }
  if (others_ == 0) return {};
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    if (entries_[i].first.text() == nullptr && equal(m, entries_[i].first, key)) return i;
  }
  return {};
}

const value* dict_object::find(std::string_view key) const {
  const auto found = by_text_.find(key);
  return found == by_text_.end() ? nullptr : &entries_[found->second].second;
}

const value* dict_object::find(machine& m, const value& key) const {
  const auto at = position(m, key);
  return at ? &entries_[*at].second : nullptr;
}

}  // namespace troupe::jinja
