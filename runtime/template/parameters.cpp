#include "runtime/template/parameters.hpp"

#include "runtime/template/operators.hpp"

namespace troupe::jinja {

parameters::parameters(machine& m, std::string_view function, arguments& args,
                       std::initializer_list<std::string_view> names, std::size_t required)
    : machine_(m), function_(function), values_(names.size()) {
  if (args.positional.size() > names.size()) {
    m.fail("{}() takes at most {} argument(s), {} given", function, names.size(),
           args.positional.size());
    return;
  }
  for (std::size_t i = 0; i < args.positional.size(); ++i) values_[i] = args.positional[i];
  for (const auto& [name, v] : args.named) {
    std::size_t i = 0;
    while (i < names.size() && (names.begin()[i].empty() || names.begin()[i] != name)) ++i;
    if (i == names.size()) {
      m.fail("{}() got an unexpected keyword argument '{}'", function, name);
    } else if (values_[i]) {
      m.fail("{}() got multiple values for argument '{}'", function, name);
    } else {
      values_[i] = v;
    }
  }
  for (std::size_t i = 0; i < required; ++i) {
    if (!values_[i]) m.fail("{}() misses argument {}", function, i + 1);
  }
}

const value& parameters::operator[](std::size_t i) const {
  static const value missing;
  return values_[i] ? *values_[i] : missing;
}

bool parameters::flag(std::size_t i, bool fallback) const {
  return values_[i] ? truthy(machine_, *values_[i]) : fallback;
}

integer parameters::whole(std::size_t i, integer fallback) const {
  if (!values_[i]) return fallback;
  if (const auto n = values_[i]->as_integer()) return *n;
  machine_.fail("{}(): '{}' object cannot be interpreted as an integer", function_,
                values_[i]->type_name());
  return fallback;
}

std::string_view parameters::text(std::size_t i, std::string_view fallback) const {
  if (!values_[i]) return fallback;
  if (const auto* t = values_[i]->text()) return t->bytes;
  machine_.fail("{}(): a string is needed, not '{}'", function_, values_[i]->type_name());
  return fallback;
}

}  // namespace troupe::jinja
