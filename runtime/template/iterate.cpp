#include "runtime/template/iterate.hpp"

#include "runtime/template/text.hpp"

namespace troupe::jinja {

bool cursor::possible(const value& source) {
  return source.is_undefined() || source.text() != nullptr || source.list() != nullptr ||
         source.dict() != nullptr || (source.thing() != nullptr && source.thing()->iterable());
}

std::optional<cursor> cursor::open(machine& m, value source) {
  if (m.failed()) return {};
  if (!possible(source)) {
    m.fail("'{}' object is not iterable", source.type_name());
    return {};
  }
  return cursor(std::move(source));
}

std::optional<value> cursor::next(machine& m) {
  if (!m.step()) return {};
  if (const auto* l = source_.list()) {
    if (at_ >= l->items().size()) return {};
    return l->items()[at_++];
  }
  if (const auto* d = source_.dict()) {
    if (at_ >= d->entries().size()) return {};
    return d->entries()[at_++].first;
  }
  if (const auto* t = source_.text()) {
    if (at_ >= t->bytes.size()) return {};
    const std::size_t start = at_;
    static_cast<void>(decode(t->bytes, at_));
    return m.text(t->bytes.substr(start, at_ - start));
  }
  if (auto* o = source_.thing()) return o->next(m);
  return {};
}

std::vector<value> collect(machine& m, const value& source) {
  std::vector<value> items;
  auto from = cursor::open(m, source);
  while (from) {
    auto item = from->next(m);
    if (!item) break;
    // The list that is made of them is charged later; an endless source must stop before that.
    if (items.size() % 1024 == 1023 && !m.room(items.size() * sizeof(value))) break;
    items.push_back(std::move(*item));
  }
  if (m.failed()) items.clear();
  return items;
}

std::optional<std::size_t> length_of(machine& m, const value& v) {
  if (v.is_undefined()) return 0;
  if (const auto* t = v.text()) return t->points;
  if (const auto* l = v.list()) return l->items().size();
  if (const auto* d = v.dict()) return d->entries().size();
  if (auto* o = v.thing()) return o->length(m);
  return {};
}

std::optional<value> generator::next(machine& m) {
  // A generator that reaches itself would recurse without end.
  if (done_) return {};
  std::optional<value> item;
  if (m.enter()) item = produce_(m);
  m.leave();
  if (!item || m.failed()) done_ = true;
  return m.failed() ? std::nullopt : item;
}

}  // namespace troupe::jinja
