#include <algorithm>
#include <memory>

#include "runtime/template/filters.hpp"
#include "runtime/template/iterate.hpp"
#include "runtime/template/operators.hpp"
#include "runtime/template/registry.hpp"

namespace troupe::jinja {
namespace {

using change = std::function<value(machine&, value)>;
using choice = std::function<bool(machine&, const value&)>;

std::size_t deepest(const value& source, const arguments& args) {
  std::size_t depth = source.depth();
  for (const auto& v : args.positional) depth = std::max(depth, v.depth());
  for (const auto& [name, v] : args.named) depth = std::max(depth, v.depth());
  return depth;
}

std::optional<value> take(arguments& args, std::string_view name) {
  const auto found = std::find_if(args.named.begin(), args.named.end(),
                                  [&](const auto& entry) { return entry.first == name; });
  if (found == args.named.end()) return {};
  value v = std::move(found->second);
  args.named.erase(found);
  return v;
}

/// What `map` does to an item: looks up an attribute, or runs a filter of that name.
change prepare_map(machine& m, arguments args) {
  if (args.positional.empty()) {
    const auto attribute = take(args, "attribute");
    if (!attribute) {
      m.fail("map requires a filter argument");
      return {};
    }
    const auto fallback = take(args, "default");
    if (!args.named.empty()) {
      m.fail("unexpected keyword argument '{}'", args.named.front().first);
      return {};
    }
    const bool falls_back = fallback && !fallback->is_none();
    return [path = attribute_path(m, *attribute), falls_back, instead = fallback.value_or(value())](
               machine& on, value item) {
      return path.find(on, std::move(item), falls_back ? &instead : nullptr);
    };
  }
  const auto* name = args.positional.front().text();
  const auto filter = name == nullptr ? nullptr : find_filter(name->bytes);
  if (filter == nullptr) {
    m.fail("no filter named '{}'", name == nullptr ? "" : name->bytes);
    return {};
  }
  args.positional.erase(args.positional.begin());
  return [filter, args](machine& on, const value& item) {
    arguments each = args;
    return on.step(1 + args.positional.size() + args.named.size()) ? filter(on, item, each)
                                                                   : value();
  };
}

/// What `select` and its kin ask of an item: a test of that name, or whether it is true.
choice prepare_choice(machine& m, arguments args, bool by_attribute) {
  attribute_path path(m, value::none());
  if (by_attribute) {
    if (args.positional.empty()) {
      m.fail("missing parameter for attribute name");
      return {};
    }
    path = attribute_path(m, args.positional.front());
    args.positional.erase(args.positional.begin());
  }
  if (args.positional.empty()) {
    return [path](machine& on, const value& item) { return truthy(on, path.find(on, item)); };
  }
  const auto* name = args.positional.front().text();
  const auto test = name == nullptr ? nullptr : find_test(name->bytes);
  if (test == nullptr) {
    m.fail("no test named '{}'", name == nullptr ? "" : name->bytes);
    return {};
  }
  args.positional.erase(args.positional.begin());
  return [test, path, args](machine& on, const value& item) {
    arguments each = args;
    return on.step(1 + args.positional.size() + args.named.size()) &&
           test(on, path.find(on, item), each);
  };
}

/// Begins with the first item that is asked for, as a Python generator does; what is false has
/// no items, whatever it is.
struct lazy_source {
  value source;
  std::optional<cursor> items;
  bool begun = false;

  /// True once, when the work has to be prepared.
  [[nodiscard]] bool begin(machine& m) {
    if (begun) return false;
    begun = true;
    if (!truthy(m, source)) return false;
    items = cursor::open(m, source);
    return items.has_value();
  }
};

value map(machine& m, const value& v, arguments& args) {
  const std::size_t depth = deepest(v, args);
  return m.make<generator>(
      [from = lazy_source{v, {}, false}, args,
       work = change()](machine& on) mutable -> std::optional<value> {
        if (from.begin(on)) work = prepare_map(on, std::move(args));
        if (!from.items || on.failed()) return {};
        auto item = from.items->next(on);
        if (!item) return {};
        return work(on, std::move(*item));
      },
      depth);
}

template <bool Wanted, bool ByAttribute>
value choose(machine& m, const value& v, arguments& args) {
  const std::size_t depth = deepest(v, args);
  return m.make<generator>(
      [from = lazy_source{v, {}, false}, args,
       chosen = choice()](machine& on) mutable -> std::optional<value> {
        if (from.begin(on)) chosen = prepare_choice(on, std::move(args), ByAttribute);
        while (from.items && !on.failed()) {
          auto item = from.items->next(on);
          if (!item) break;
          if (chosen(on, *item) == Wanted) return item;
        }
        return {};
      },
      depth);
}

constexpr named<filter_function> filters[] = {
    {"map", map},
    {"select", choose<true, false>},
    {"reject", choose<false, false>},
    {"selectattr", choose<true, true>},
    {"rejectattr", choose<false, true>},
};

}  // namespace

std::span<const named<filter_function>> selection_filters() { return filters; }

}  // namespace troupe::jinja
