#pragma once

#include <span>
#include <string_view>

namespace troupe::cli {

/// A question of the kind that a person asks.
struct bench_text {
  std::string_view kind;  ///< "edit", "summary", "code", "list", "question" or "story"
  std::string_view ask;   ///< the user's message
};

/// Questions whose answers quote their prompt, some of it, or nothing: what guessing tokens depends
/// on. Random tokens would tell nothing about it.
[[nodiscard]] std::span<const bench_text> bench_texts();

}  // namespace troupe::cli
