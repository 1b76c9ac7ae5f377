#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace troupe {

/// A line of the log that has values beside its text: a log in JSON shows them as members of their
/// own, one for people only the text, which says the same.
class log_fields {
 public:
  /// `text` may hold what clients sent; it is made printable.
  explicit log_fields(std::string_view text);

  void add(std::string_view name, std::string_view value);
  void add(std::string_view name, std::int64_t value);
  void add(std::string_view name, double value);

  /// What to hand to the logger.
  [[nodiscard]] const std::string& line() const { return line_; }

  /// The text and the members, `"a":1,"b":"c"`, that a logger was handed; both views into it.
  [[nodiscard]] static std::pair<std::string_view, std::string_view> split(std::string_view line);

 private:
  void begin(std::string_view name);
  std::string line_;
  bool any_ = false;
};

}  // namespace troupe
