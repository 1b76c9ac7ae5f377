#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "runtime/base/token.hpp"
#include "runtime/sampling/params.hpp"

namespace troupe {

/// Tokens that an answer must go on with when `budget` tokens have gone by without `closing`. The
/// default forces none.
struct forcing_rule {
  /// The count begins behind this token where the answer begins with it; with any other answer
  /// nothing is forced. -1: the count begins with the answer.
  token_id opening = -1;
  token_id closing = -1;
  std::uint32_t budget = 0;
  std::vector<token_id> tokens;  ///< forced one after another

  friend bool operator==(const forcing_rule&, const forcing_rule&) = default;
};

/// Whether the rule may force the token behind `drawn` tokens, whatever they are.
[[nodiscard]] bool may_force(const forcing_rule& rule, std::size_t drawn);

/// The only token that may follow `drawn`, all that a choice has drawn; none: any may. A function
/// of its arguments alone, so whoever goes on with an answer forces the same tokens.
[[nodiscard]] std::optional<token_id> forced_token(const forcing_rule& rule,
                                                   std::span<const token_id> drawn);

/// Larger than any logit, and left so by every penalty.
inline constexpr float certain_bias = 1e30F;

/// How a token is drawn that is certain: greedily, with a bias that beats every other. Its
/// log-probability stays the model's own, as `asked` wants it told.
[[nodiscard]] sampling_params draw_only(token_id token, const sampling_params& asked);

}  // namespace troupe
