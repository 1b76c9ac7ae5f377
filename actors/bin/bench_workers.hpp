#pragma once

#include <cstdint>

#include "actors/bin/bench_run.hpp"
#include "actors/bin/engine_start.hpp"
#include "runtime/base/result.hpp"

namespace troupe::cli {

/// Measures what distribution costs and prints it: one process, and local clusters of `workers`
/// worker processes that take turns on the same processors, with one copy of everything and, where
/// there are two workers or more, with two. All of them are loaded at once and measured
/// in turn.
[[nodiscard]] result<void> bench_workers(engine_options& engine, const bench_options& options,
                                         std::uint32_t workers, bool json);

}  // namespace troupe::cli
