#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace troupe {

/// Lets text through up to the first stop string, holding back only what may still become one.
/// The outcome depends on the text alone, not on how it was cut into pieces: the stop string that
/// is complete first wins, the longest of those.
class stop_matcher {
 public:
  /// `stops` hold no empty string; with `include` the stop string itself passes too.
  explicit stop_matcher(std::vector<std::string> stops = {}, bool include = false);

  /// The text that is now certain. Nothing once matched.
  [[nodiscard]] std::string push(std::string_view text);
  /// Text in which stop strings do not count: it passes at once, with what was held back.
  [[nodiscard]] std::string pass(std::string_view text);
  /// What is still held back: the text has ended, so it is no stop string.
  [[nodiscard]] std::string finish();
  [[nodiscard]] bool matched() const { return matched_; }

 private:
  [[nodiscard]] std::size_t undecided() const;

  std::vector<std::string> stops_;
  std::string held_;
  bool include_;
  bool matched_ = false;
};

}  // namespace troupe
