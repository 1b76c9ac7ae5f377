#pragma once

#include <cstdint>
#include <memory>
#include <random>

#include "runtime/engine/step.hpp"
#include "runtime/wire/expert_frames.hpp"
#include "runtime/wire/kv_frames.hpp"

namespace troupe::test {

using generator = std::mt19937_64;

/// A number from `low` to `high`, both included.
[[nodiscard]] std::uint32_t pick(generator& random, std::uint32_t low, std::uint32_t high);

/// Bounds that every plan and result of these fits.
inline constexpr std::uint32_t plan_rows = 64;
inline constexpr std::uint32_t plan_vocab = 1000;

/// A plan of some runs, with samples that share parameters and histories, scores, bans and biases.
[[nodiscard]] std::shared_ptr<const step_plan> random_plan(generator& random);
/// Its result; log-probabilities are any bits, NaN among them.
[[nodiscard]] step_result random_result(generator& random, const step_plan& plan);
[[nodiscard]] kv_record random_record(generator& random);
[[nodiscard]] kv_snapshot random_snapshot(generator& random);
[[nodiscard]] expert_rows_header random_rows(generator& random);
[[nodiscard]] expert_outputs_header random_outputs(generator& random);

/// Equal in every value, and the same samples share the same objects.
[[nodiscard]] bool same(const step_plan& a, const step_plan& b);
/// Equal bit by bit.
[[nodiscard]] bool same(const step_result& a, const step_result& b);

}  // namespace troupe::test
