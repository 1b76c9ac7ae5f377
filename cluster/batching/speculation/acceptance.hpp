#pragma once

#include <cstdint>

namespace troupe {

/// How often a guessed token turned out to be the one drawn, given that those before it in its
/// guess were. Recent guesses count more, so that the estimate follows a text from its prose into
/// its quotations.
class acceptance {
 public:
  /// What remains of an observation's weight after the next: a memory of about seven guesses.
  static constexpr double recent = 0.86;

  explicit acceptance(double keep = recent) : keep_(keep) {}

  /// A guess of which `right` tokens were drawn; `missed` when the one after them was another (and
  /// not merely not reached).
  void observe(std::uint32_t right, bool missed) {
    right_ = right_ * keep_ + right;
    judged_ = judged_ * keep_ + right + (missed ? 1 : 0);
  }
  /// Nothing was guessed: what is known grows old, so that in time guesses are tried again.
  void fade() {
    constexpr double ageing = 0.98;
    right_ *= ageing;
    judged_ *= ageing;
  }
  /// The share of right tokens, 0 .. 1; `prior` where nothing was observed, with a token's weight.
  [[nodiscard]] double rate(double prior) const { return (right_ + prior) / (judged_ + 1); }

 private:
  double keep_;
  double right_ = 0;
  double judged_ = 0;
};

}  // namespace troupe
