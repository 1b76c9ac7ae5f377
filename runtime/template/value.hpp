#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

#include "runtime/template/budget.hpp"

namespace troupe::jinja {

/// Wide enough for every integer that JSON brings; a result that does not fit is an error.
__extension__ typedef __int128 integer;

class machine;
class value;

/// An immutable string. `markup` marks what the filters `safe` and `escape` give: it stays marked
/// in arithmetic, which then escapes the other side.
struct text_object {
  std::string bytes;
  std::size_t points = 0;
  bool markup = false;
  charge cost;
};

/// Which Python type a sequence stands for; it decides how it prints and compares.
enum class sequence_kind : std::uint8_t { list, tuple, group, range, keys, values, items };

class list_object;
class dict_object;

/// Everything that is neither data nor plain: functions, macros, namespaces, loops, iterators.
class object : public std::enable_shared_from_this<object> {
 public:
  object() = default;
  object(const object&) = delete;
  object& operator=(const object&) = delete;
  virtual ~object() = default;

  [[nodiscard]] virtual std::string_view type_name() const = 0;
  [[nodiscard]] virtual std::string show(machine& m) const;
  /// The attribute `name`, or nothing when there is none.
  [[nodiscard]] virtual std::optional<value> attribute(machine& m, std::string_view name);
  [[nodiscard]] virtual bool callable() const { return false; }
  [[nodiscard]] virtual value call(machine& m, struct arguments& args);
  /// Iterators give their next item, or nothing at the end.
  [[nodiscard]] virtual bool iterable() const { return false; }
  [[nodiscard]] virtual std::optional<value> next(machine& m);
  [[nodiscard]] virtual std::optional<std::size_t> length(machine& m);
  /// How deep values nest in here; bounded, so that destruction never recurses without end.
  [[nodiscard]] virtual std::size_t depth() const { return 1; }
};

/// A template value: cheap to copy, immutable but for objects. The default is undefined.
class value {
 public:
  using text_pointer = std::shared_ptr<const text_object>;
  using list_pointer = std::shared_ptr<const list_object>;
  using dict_pointer = std::shared_ptr<const dict_object>;
  using object_pointer = std::shared_ptr<object>;

  value() = default;
  /// Undefined, with the message that using it gives.
  [[nodiscard]] static value undefined(text_pointer message);
  [[nodiscard]] static value none();
  template <std::same_as<bool> Boolean>
  explicit value(Boolean b) : data_(b) {}
  template <class Number>
  requires((std::integral<Number> && !std::same_as<Number, bool>) ||
           std::same_as<Number, integer>) explicit value(Number n)
      : data_(static_cast<integer>(n)) {}
  explicit value(double d) : data_(d) {}
  explicit value(text_pointer t) : data_(std::move(t)) {}
  explicit value(list_pointer l) : data_(std::move(l)) {}
  explicit value(dict_pointer d) : data_(std::move(d)) {}
  explicit value(object_pointer o) : data_(std::move(o)) {}

  [[nodiscard]] bool is_undefined() const { return std::holds_alternative<undefined_value>(data_); }
  /// Undefined without a message: a name that is not assigned yet.
  [[nodiscard]] bool is_unset() const;
  [[nodiscard]] bool is_none() const { return std::holds_alternative<none_value>(data_); }
  [[nodiscard]] const bool* boolean() const { return std::get_if<bool>(&data_); }
  [[nodiscard]] const integer* whole() const { return std::get_if<integer>(&data_); }
  [[nodiscard]] const double* real() const { return std::get_if<double>(&data_); }
  [[nodiscard]] const text_object* text() const { return pointee<text_pointer>(); }
  [[nodiscard]] const list_object* list() const { return pointee<list_pointer>(); }
  [[nodiscard]] const dict_object* dict() const { return pointee<dict_pointer>(); }
  [[nodiscard]] object* thing() const { return pointee<object_pointer>(); }
  [[nodiscard]] object_pointer share_thing() const;
  [[nodiscard]] text_pointer share_text() const;

  /// A boolean or integer as Python counts with it.
  [[nodiscard]] std::optional<integer> as_integer() const;
  /// Any number, as a float.
  [[nodiscard]] std::optional<double> as_double() const;
  [[nodiscard]] bool is_number() const { return as_double().has_value(); }
  /// Python's name of the type, for messages: "str", "dict", ...
  [[nodiscard]] std::string_view type_name() const;
  /// Python's `is`.
  [[nodiscard]] bool same_as(const value& other) const;
  /// What using this undefined value says.
  [[nodiscard]] std::string_view undefined_message() const;
  [[nodiscard]] std::size_t depth() const;

 private:
  struct undefined_value {
    text_pointer message;
  };
  struct none_value {};

  template <class Pointer>
  [[nodiscard]] typename Pointer::element_type* pointee() const {
    const auto* found = std::get_if<Pointer>(&data_);
    return found == nullptr ? nullptr : found->get();
  }

  std::variant<undefined_value, none_value, bool, integer, double, text_pointer, list_pointer,
               dict_pointer, object_pointer>
      data_;
};

/// An immutable sequence.
class list_object {
 public:
  list_object(std::vector<value> items, sequence_kind kind, charge cost);

  [[nodiscard]] const std::vector<value>& items() const { return items_; }
  [[nodiscard]] sequence_kind kind() const { return kind_; }
  [[nodiscard]] std::size_t depth() const { return depth_; }
  [[nodiscard]] bool is_tuple() const {
    return kind_ == sequence_kind::tuple || kind_ == sequence_kind::group;
  }

 private:
  std::vector<value> items_;
  sequence_kind kind_;
  std::size_t depth_ = 1;
  charge cost_;
};

/// An immutable mapping that keeps the order of insertion. Keys are hashable values.
class dict_object {
 public:
  using entry = std::pair<value, value>;

  /// Of equal keys the first place and the last value count, as in Python.
  dict_object(machine& m, std::vector<entry>&& entries, charge cost);

  [[nodiscard]] const std::vector<entry>& entries() const { return entries_; }
  [[nodiscard]] const value* find(std::string_view key) const;
  [[nodiscard]] const value* find(machine& m, const value& key) const;
  [[nodiscard]] std::size_t depth() const { return depth_; }

 private:
  [[nodiscard]] std::optional<std::size_t> position(machine& m, const value& key) const;

  std::vector<entry> entries_;
  std::unordered_map<std::string_view, std::size_t> by_text_;
  std::size_t others_ = 0;  ///< keys that are not text
  std::size_t depth_ = 1;
  charge cost_;
};

/// What a call passes.
struct arguments {
  std::vector<value> positional;
  std::vector<std::pair<std::string, value>> named;
};

}  // namespace troupe::jinja
