#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "runtime/template/registry.hpp"

namespace troupe::jinja {

/// What `namespace(...)` gives: the one thing a template can change.
class namespace_object final : public object {
 public:
  [[nodiscard]] std::string_view type_name() const override { return "Namespace"; }
  [[nodiscard]] std::string show(machine& m) const override;
  [[nodiscard]] std::optional<value> attribute(machine& m, std::string_view name) override;
  void set(machine& m, std::string_view name, value v);
  void clear() { attributes_.clear(); }

 private:
  std::vector<std::pair<std::string, value>> attributes_;
};

/// A method together with the value it is of.
class bound_method final : public object {
 public:
  bound_method(value self, std::string_view name, method_function function)
      : self_(std::move(self)), name_(name), function_(function) {}

  [[nodiscard]] std::string_view type_name() const override { return "builtin_function_or_method"; }
  [[nodiscard]] bool callable() const override { return true; }
  [[nodiscard]] value call(machine& m, arguments& args) override {
    return function_(m, self_, args);
  }
  [[nodiscard]] std::size_t depth() const override { return self_.depth() + 1; }

 private:
  value self_;
  std::string name_;
  method_function function_;
};

}  // namespace troupe::jinja
