#pragma once

#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/template/machine.hpp"

namespace troupe::jinja {

/// The arguments of a built-in function, put into the order of its parameters. Too many, too few
/// or unknown ones are a failure of the machine.
class parameters {
 public:
  /// A parameter with an empty name can only be given by position.
  parameters(machine& m, std::string_view function, arguments& args,
             std::initializer_list<std::string_view> names, std::size_t required = 0);

  [[nodiscard]] bool given(std::size_t i) const { return values_[i].has_value(); }
  /// Given, and not none.
  [[nodiscard]] bool present(std::size_t i) const { return given(i) && !values_[i]->is_none(); }
  /// The argument, or undefined.
  [[nodiscard]] const value& operator[](std::size_t i) const;
  [[nodiscard]] bool flag(std::size_t i, bool fallback) const;
  /// Fails when something else than an integer is given.
  [[nodiscard]] integer whole(std::size_t i, integer fallback) const;
  /// Fails when something else than a string is given.
  [[nodiscard]] std::string_view text(std::size_t i, std::string_view fallback = {}) const;

 private:
  machine& machine_;
  std::string_view function_;
  std::vector<std::optional<value>> values_;
};

}  // namespace troupe::jinja
