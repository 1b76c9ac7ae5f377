#pragma once

#include <functional>
#include <string>
#include <vector>

#include "runtime/billing/usage_store.hpp"

namespace troupe {

/// More ledgers than this are not read at once.
constexpr std::size_t most_ledgers = 64;

/// Calls `each` with the records of a span of time, each ledger's as it stands at one moment; they
/// may be in use. Places are those of open_usage_reader. What several ledgers have (an answer that
/// a client took from one gateway to another) comes once, the fuller one. The first error, of
/// `each` too, ends it.
[[nodiscard]] result<void> read_usage(const std::vector<std::string>& places, const time_span& span,
                                      const std::function<result<void>(const usage_record&)>& each);

}  // namespace troupe
