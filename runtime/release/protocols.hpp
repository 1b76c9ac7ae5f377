#pragma once

#include <cstdint>
#include <string>

#include "runtime/base/result.hpp"

namespace troupe {

/// The versions of a protocol that a process speaks, both ends among them: 1 to 255.
struct protocol_range {
  std::uint32_t lowest = 0;
  std::uint32_t highest = 0;
  friend bool operator==(const protocol_range&, const protocol_range&) = default;
};

/// What a process says that it speaks with others of its cluster.
struct protocol_offer {
  protocol_range control;  ///< messages between supervisors, nodes and gateways
  protocol_range data;     ///< frames, and what carries them
  friend bool operator==(const protocol_offer&, const protocol_offer&) = default;
};

/// What two processes speak with each other.
struct protocol_terms {
  std::uint32_t control = 0;
  std::uint32_t data = 0;
  friend bool operator==(const protocol_terms&, const protocol_terms&) = default;
};

/// "5", or "5 to 6".
[[nodiscard]] std::string show(const protocol_range& range);
/// "control 5 to 6, data 2".
[[nodiscard]] std::string show(const protocol_offer& offer);

[[nodiscard]] bool speaks(const protocol_range& range, std::uint32_t version);

/// Of each protocol the highest version that both speak. unsupported where there is none, and where
/// either offer holds what is no range: the message names the protocol and both ranges.
[[nodiscard]] result<protocol_terms> agree(const protocol_offer& ours,
                                           const protocol_offer& theirs);

/// unsupported where somebody else has chosen what `ours` does not have.
[[nodiscard]] result<void> check(const protocol_terms& chosen, const protocol_offer& ours);

}  // namespace troupe
