#include "runtime/template/globals.hpp"

#include <algorithm>
#include <cstdlib>
#include <ctime>

#include "runtime/template/iterate.hpp"
#include "runtime/template/operators.hpp"
#include "runtime/template/parameters.hpp"
#include "runtime/template/show.hpp"

namespace troupe::jinja {
namespace {

class function_object final : public object {
 public:
  function_object(std::string_view name, global_function f) : name_(name), function_(f) {}
  [[nodiscard]] std::string_view type_name() const override { return "function"; }
  [[nodiscard]] std::string show(machine& /*m*/) const override {
    return "<function " + std::string(name_) + ">";
  }
  [[nodiscard]] bool callable() const override { return true; }
  [[nodiscard]] value call(machine& m, arguments& args) override { return function_(m, args); }

 private:
  std::string_view name_;
  global_function function_;
};

/// What `cycler(a, b)` gives.
class cycler_object final : public object {
 public:
  explicit cycler_object(std::vector<value> items) : items_(std::move(items)) {
    for (const auto& item : items_) depth_ = std::max(depth_, item.depth() + 1);
  }
  [[nodiscard]] std::string_view type_name() const override { return "Cycler"; }
  [[nodiscard]] bool iterable() const override { return false; }
  [[nodiscard]] std::size_t depth() const override { return depth_; }
  [[nodiscard]] std::optional<value> attribute(machine& m, std::string_view name) override {
    if (name == "current") return items_[at_];
    if (name == "items") return m.tuple(items_);
    if (name == "pos") return value(at_);
    const auto method = name == "next" ? &call_next : name == "reset" ? &call_reset : nullptr;
    if (method == nullptr) return {};
    return m.make<bound_method>(value(shared_from_this()), name, method);
  }

 private:
  static value call_next(machine& /*m*/, const value& self, arguments& /*args*/) {
    auto& cycler = dynamic_cast<cycler_object&>(*self.thing());
    value item = cycler.items_[cycler.at_];
    cycler.at_ = (cycler.at_ + 1) % cycler.items_.size();
    return item;
  }
  static value call_reset(machine& /*m*/, const value& self, arguments& /*args*/) {
    dynamic_cast<cycler_object&>(*self.thing()).at_ = 0;
    return value::none();
  }

  std::vector<value> items_;
  std::size_t at_ = 0;
  std::size_t depth_ = 1;
};

/// What `joiner(", ")` gives: nothing the first time, then the separator.
class joiner_object final : public object {
 public:
  explicit joiner_object(value separator) : separator_(std::move(separator)) {}
  [[nodiscard]] std::string_view type_name() const override { return "Joiner"; }
  [[nodiscard]] std::size_t depth() const override { return separator_.depth() + 1; }
  [[nodiscard]] bool callable() const override { return true; }
  [[nodiscard]] value call(machine& m, arguments& /*args*/) override {
    if (std::exchange(used_, true)) return separator_;
    return m.text({});
  }

 private:
  value separator_;
  bool used_ = false;
};

value make_range(machine& m, arguments& args) {
  constexpr integer longest = 100000;  // as the sandbox has it
  const parameters given(m, "range", args, {"", "", ""}, 1);
  if (m.failed()) return {};
  integer start = 0;
  integer stop = given.whole(0, 0);
  if (given.given(1)) {
    start = stop;
    stop = given.whole(1, 0);
  }
  const integer step = given.whole(2, 1);
  if (m.failed()) return {};
  if (step == 0) return m.fail("range() arg 3 must not be zero");
  std::vector<value> items;
  integer next = start;
  while (step > 0 ? next < stop : next > stop) {
    if (static_cast<integer>(items.size()) >= longest) {
      return m.fail_with(errc::out_of_range,
                         fmt::format("range() is longer than {}", show_integer(longest)));
    }
    items.emplace_back(next);
    if (__builtin_add_overflow(next, step, &next)) break;
  }
  return m.list(std::move(items), sequence_kind::range);
}

/// dict(mapping or pairs, name=value...), for dict() and namespace().
std::vector<dict_object::entry> make_entries(machine& m, arguments& args) {
  std::vector<dict_object::entry> entries;
  if (args.positional.size() > 1) m.fail("dict expected at most 1 argument");
  if (!args.positional.empty() && !m.failed()) {
    const value& source = args.positional.front();
    if (source.is_undefined()) fail_undefined(m, source);
    if (const auto* d = source.dict()) {
      entries = d->entries();
    } else {
      for (const auto& pair : collect(m, source)) {
        auto both = collect(m, pair);
        if (m.failed()) return {};
        if (both.size() != 2) {
          m.fail("dictionary update sequence element has length {}; 2 is required", both.size());
          return {};
        }
        if (!hashable(m, both[0])) return {};
        entries.emplace_back(std::move(both[0]), std::move(both[1]));
      }
    }
  }
  for (auto& [name, v] : args.named) entries.emplace_back(m.text(name), std::move(v));
  return entries;
}

value make_dict(machine& m, arguments& args) { return m.dict(make_entries(m, args)); }

value make_namespace(machine& m, arguments& args) {
  value made = m.make<namespace_object>();
  auto space = std::dynamic_pointer_cast<namespace_object>(made.share_thing());
  if (space == nullptr) return {};
  // A namespace may come to hold itself.
  m.at_end([space] { space->clear(); });
  for (const auto& [key, v] : make_entries(m, args)) {
    if (key.text() != nullptr) space->set(m, key.text()->bytes, v);
  }
  return made;
}

value make_cycler(machine& m, arguments& args) {
  if (args.positional.empty()) return m.fail("at least one item has to be provided");
  return m.make<cycler_object>(std::move(args.positional));
}

value make_joiner(machine& m, arguments& args) {
  const parameters given(m, "joiner", args, {"sep"});
  return m.make<joiner_object>(given.given(0) ? given[0] : m.text(", "));
}

value raise_exception(machine& m, arguments& args) {
  const parameters given(m, "raise_exception", args, {"message"}, 1);
  return m.failed() ? value() : m.raise(to_text(m, given[0]));
}

/// In the zone that TZ names, in UTC without it.
value strftime_now(machine& m, arguments& args) {
  const parameters given(m, "strftime_now", args, {"format"}, 1);
  const std::string format(given.text(0));
  if (format.find('\0') != std::string::npos)
    return m.fail("strftime_now(): embedded null character");
  if (m.failed() || format.empty()) return m.text({});
  const auto seconds = static_cast<std::time_t>(m.now());
  std::tm local{};
  const bool zone = std::getenv("TZ") != nullptr;
  if ((zone ? localtime_r(&seconds, &local) : gmtime_r(&seconds, &local)) == nullptr) {
    return m.fail("strftime_now(): the clock is out of range");
  }
  // A result may be empty; a mark at the end tells that from one that does not fit.
  char buffer[4096];
  const std::size_t size = std::strftime(buffer, sizeof buffer, (format + ".").c_str(), &local);
  if (size == 0) return m.fail("strftime_now(): the result is too long");
  return m.text(std::string(buffer, size - 1));
}

constexpr named<global_function> globals[] = {
    {"range", make_range},         {"dict", make_dict},     {"namespace", make_namespace},
    {"cycler", make_cycler},       {"joiner", make_joiner}, {"raise_exception", raise_exception},
    {"strftime_now", strftime_now}};

}  // namespace

std::optional<value> find_global(machine& m, std::string_view name) {
  for (const auto& entry : globals) {
    if (entry.name == name) return m.make<function_object>(entry.name, entry.function);
  }
  return {};
}

std::string namespace_object::show(machine& m) const {
  std::vector<dict_object::entry> entries;
  for (const auto& [name, v] : attributes_) entries.emplace_back(m.text(name), v);
  return "<Namespace " + represent(m, m.dict(std::move(entries))) + ">";
}

std::optional<value> namespace_object::attribute(machine& /*m*/, std::string_view name) {
  for (const auto& [known, v] : attributes_) {
    if (known == name) return v;
  }
  return {};
}

void namespace_object::set(machine& m, std::string_view name, value v) {
  for (auto& [known, held] : attributes_) {
    if (known == name) {
      held = std::move(v);
      return;
    }
  }
  // A long list of names costs time to search.
  if (m.step(1 + attributes_.size() / 16)) attributes_.emplace_back(name, std::move(v));
}

}  // namespace troupe::jinja
