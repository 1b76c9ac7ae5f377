#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "runtime/template/machine.hpp"

/// What several groups of filters and methods share.
namespace troupe::jinja {

/// str.replace with its result measured first; a negative count replaces all.
[[nodiscard]] value replace_text(machine& m, std::string_view text, std::string_view from,
                                 std::string_view to, integer count, bool markup);
/// `width` code points of `text`, with `fill` around it.
[[nodiscard]] value pad_text(machine& m, const text_object& text, integer width,
                             std::string_view fill, integer left_share, integer shares);
/// An iterator over items that are known already.
[[nodiscard]] value iterate_over(machine& m, std::vector<value> items);

/// A path such as "function.name" or "0.id", or a key of any other type; none: the item itself.
class attribute_path {
 public:
  attribute_path(machine& m, const value& path);
  /// What is at the path in `item`; `fallback` stands in for what is undefined on the way.
  [[nodiscard]] value find(machine& m, value item, const value* fallback = nullptr) const;
  [[nodiscard]] std::size_t depth() const;

 private:
  std::vector<value> parts_;
};

/// Strings in lower case, for comparisons that ignore it; other values as they are.
[[nodiscard]] value without_case(machine& m, const value& v);

}  // namespace troupe::jinja
