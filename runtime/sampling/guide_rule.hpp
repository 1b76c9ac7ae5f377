#pragma once

#include <string>

#include "runtime/base/token.hpp"

namespace troupe {

/// What every choice of a request is held to, token by token. The default holds it to nothing.
struct guide_rule {
  /// A structural tag of xgrammar's, as JSON text; empty: nothing is asked.
  std::string structure;
  /// A choice that begins with this token begins with a thought, which nothing holds. -1: with
  /// `closing` the prompt has opened the thought; without, there is none.
  token_id opening = -1;
  /// Ends the thought: what comes behind it is held to the structure.
  token_id closing = -1;

  [[nodiscard]] bool holds() const { return !structure.empty(); }
  friend bool operator==(const guide_rule&, const guide_rule&) = default;
};

}  // namespace troupe
