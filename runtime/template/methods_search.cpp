#include <algorithm>

#include "runtime/template/operators.hpp"
#include "runtime/template/parameters.hpp"
#include "runtime/template/registry.hpp"
#include "runtime/template/text.hpp"

namespace troupe::jinja {
namespace {

/// The part of a string between two code points, and where it starts.
struct window {
  std::string_view bytes;
  integer start = 0;
  bool valid = true;  ///< false when it starts past its end, where not even "" is found
};

window between(machine& m, const text_object& text, const parameters& given, std::size_t first) {
  const auto size = static_cast<integer>(text.points);
  const auto bound = [&](std::size_t i, integer fallback) {
    const integer n = given.present(i) ? given.whole(i, fallback) : fallback;
    return std::max(n < 0 ? n + size : n, integer(0));
  };
  const integer start = bound(first, 0);
  const integer end = std::min(bound(first + 1, size), size);
  if (start > end || !m.step(1 + text.bytes.size() / 64)) return {{}, start, false};
  const std::string_view all(text.bytes);
  const std::size_t from = offset_of(all, static_cast<std::size_t>(start));
  const std::string_view rest = all.substr(from);
  return {rest.substr(0, offset_of(rest, static_cast<std::size_t>(end - start))), start, true};
}

template <bool Last>
std::optional<integer> search(machine& m, const value& self, arguments& args) {
  const parameters given(m, "find", args, {"", "", ""}, 1);
  const std::string_view what = given.text(0);
  if (m.failed()) return {};
  const auto in = between(m, *self.text(), given, 1);
  if (!m.step_search(in.bytes.size(), what.size())) return {};
  const std::size_t found = Last ? in.bytes.rfind(what) : in.bytes.find(what);
  if (!in.valid || found == std::string_view::npos) return -1;
  return in.start + static_cast<integer>(count_points(in.bytes.substr(0, found)));
}

template <bool Last>
value find(machine& m, const value& self, arguments& args) {
  const auto found = search<Last>(m, self, args);
  return found ? value(*found) : value();
}

template <bool Last>
value index(machine& m, const value& self, arguments& args) {
  const auto found = search<Last>(m, self, args);
  if (found && *found < 0) return m.fail("substring not found");
  return found ? value(*found) : value();
}

value count(machine& m, const value& self, arguments& args) {
  const parameters given(m, "count", args, {"", "", ""}, 1);
  const std::string_view what = given.text(0);
  if (m.failed()) return {};
  const auto in = between(m, *self.text(), given, 1);
  if (!in.valid) return value(0);
  if (what.empty()) return value(count_points(in.bytes) + 1);
  if (!m.step_search(in.bytes.size(), what.size())) return {};
  integer found = 0;
  for (std::size_t at = in.bytes.find(what); at != std::string_view::npos;
       at = in.bytes.find(what, at + what.size())) {
    ++found;
  }
  return value(found);
}

template <bool Prefix>
value affixed(machine& m, const value& self, arguments& args) {
  const parameters given(m, Prefix ? "startswith" : "endswith", args, {"", "", ""}, 1);
  if (m.failed()) return {};
  const auto in = between(m, *self.text(), given, 1);
  const auto matches = [&](const value& affix) {
    const auto* text = affix.text();
    if (text == nullptr) {
      m.fail("{} first arg must be str or a tuple of str, not {}",
             Prefix ? "startswith" : "endswith", affix.type_name());
      return false;
    }
    return in.valid &&
           (Prefix ? in.bytes.starts_with(text->bytes) : in.bytes.ends_with(text->bytes));
  };
  const auto* tuple = given[0].list();
  if (tuple == nullptr || !tuple->is_tuple()) return value(matches(given[0]));
  for (const auto& affix : tuple->items()) {
    if (matches(affix) || m.failed()) return value(!m.failed());
  }
  return value(false);
}

constexpr named<method_function> methods[] = {
    {"find", find<false>},        {"rfind", find<true>}, {"index", index<false>},
    {"rindex", index<true>},      {"count", count},      {"startswith", affixed<true>},
    {"endswith", affixed<false>},
};

}  // namespace

std::span<const named<method_function>> search_methods() { return methods; }

}  // namespace troupe::jinja
