#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <random>

#include "cluster/batching/batch_scheduler.hpp"
#include "cluster/batching/speculation/draft_ask.hpp"
#include "cluster/batching/speculation/draft_source.hpp"
#include "runtime/api/generation.hpp"

namespace troupe::test {

/// A request made of few distinct tokens, so that prefixes are shared often: at most 40 prompt
/// tokens and 29 to draw.
[[nodiscard]] generation_request random_request(std::mt19937& random);
/// Cache marks where they may be, and one of two spaces.
void add_marks(generation_request& r, std::mt19937& random);

/// Few pages, rows and sequences, any of which may run short.
[[nodiscard]] batch_limits random_limits(std::mt19937& random);

/// Every second seed guesses nothing.
[[nodiscard]] std::unique_ptr<draft_source> drafts_for(std::uint32_t seed);

/// A drafter whose answers are wild and sometimes fail to come.
[[nodiscard]] std::function<std::optional<draft_reply>(const draft_ask&)> wild_drafter(
    std::uint32_t seed);

}  // namespace troupe::test
