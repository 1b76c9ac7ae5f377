#include "runtime/template/registry.hpp"

#include <array>

namespace troupe::jinja {
namespace {

template <class Function, std::size_t Count>
Function find_in(const std::array<std::span<const named<Function>>, Count>& groups,
                 std::string_view name) {
  for (const auto& group : groups) {
    for (const auto& entry : group) {
      if (entry.name == name) return entry.function;
    }
  }
  return nullptr;
}

}  // namespace

filter_function find_filter(std::string_view name) {
  return find_in(std::array{text_filters(), layout_filters(), number_filters(), sequence_filters(),
                            order_filters(), selection_filters()},
                 name);
}

method_function find_method(const value& self, std::string_view name) {
  if (self.text() != nullptr) {
    return find_in(std::array{text_methods(), search_methods(), character_methods()}, name);
  }
  if (self.dict() != nullptr) return find_in(std::array{dict_methods()}, name);
  if (const auto* l = self.list()) {
    const bool plain =
        l->kind() == sequence_kind::list || l->is_tuple() || l->kind() == sequence_kind::range;
    if (plain && (name != "copy" || l->kind() == sequence_kind::list)) {
      return find_in(std::array{list_methods()}, name);
    }
  }
  return nullptr;
}

}  // namespace troupe::jinja
