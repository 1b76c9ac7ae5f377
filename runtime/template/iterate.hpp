#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "runtime/template/machine.hpp"

namespace troupe::jinja {

/// Walks anything that Python can iterate: sequences, the keys of a mapping, the characters of a
/// string, iterators, and undefined (which is empty).
class cursor {
 public:
  /// Fails when `source` cannot be iterated.
  [[nodiscard]] static std::optional<cursor> open(machine& m, value source);
  [[nodiscard]] static bool possible(const value& source);
  /// The next item, or nothing at the end or after a failure.
  [[nodiscard]] std::optional<value> next(machine& m);

 private:
  explicit cursor(value source) : source_(std::move(source)) {}
  value source_;
  std::size_t at_ = 0;
};

/// All items at once; empty after a failure.
[[nodiscard]] std::vector<value> collect(machine& m, const value& source);

/// Python's len(), or nothing for what has none.
[[nodiscard]] std::optional<std::size_t> length_of(machine& m, const value& v);

/// An iterator that computes items as they are asked for, as Python's generators do.
class generator final : public object {
 public:
  using producer = std::function<std::optional<value>(machine&)>;
  /// `depth` is that of the deepest value `produce` holds.
  generator(producer produce, std::size_t depth) : produce_(std::move(produce)), depth_(depth) {}

  [[nodiscard]] std::string_view type_name() const override { return "generator"; }
  [[nodiscard]] bool iterable() const override { return true; }
  [[nodiscard]] std::optional<value> next(machine& m) override;
  [[nodiscard]] std::size_t depth() const override { return depth_ + 1; }

 private:
  producer produce_;
  std::size_t depth_;
  bool done_ = false;
};

}  // namespace troupe::jinja
