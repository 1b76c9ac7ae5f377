#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <span>
#include <vector>

#include "runtime/base/result.hpp"
#include "runtime/engine/step.hpp"

namespace troupe {

/// What a receiver allows a step to be; all of it protects whoever computes the step.
struct step_bounds {
  std::uint32_t rows = 65'536;                                     ///< most rows of a step
  std::uint32_t positions = 16'777'216;                            ///< most positions of a sequence
  std::uint32_t vocab = std::numeric_limits<std::int32_t>::max();  ///< tokens are 0 .. vocab - 1
};

/// A step that a stage could not complete (actors tell each other in a step_failure).
struct failed_step {
  epoch_number epoch = 0;
  step_id step = 0;
  error why{errc::internal, ""};
};

/// The header of a `step` frame. Parameters and histories that points share are written once; a
/// stage passes on what came. Every sample has parameters; masks that are not published yet follow
/// in a frame of their own, to whoever draws.
[[nodiscard]] std::vector<std::byte> encode_step(const step_plan& plan);
/// The plan, its points sharing what they shared, its masks awaited where they follow. corrupt or
/// out_of_range with what, which and why: then it must not be computed, as kernels trust a plan's
/// numbers.
[[nodiscard]] result<std::shared_ptr<const step_plan>> decode_step(
    std::span<const std::byte> header, const step_bounds& bounds = {});

/// The masks of a step's rows.
struct step_masks {
  epoch_number epoch = 0;
  step_id step = 0;
  std::shared_ptr<const token_masks> masks;  ///< published
};
/// The header of a `step_masks` frame.
[[nodiscard]] std::vector<std::byte> encode_step_masks(const step_masks& m);
[[nodiscard]] result<step_masks> decode_step_masks(std::span<const std::byte> header,
                                                   const step_bounds& bounds = {});

[[nodiscard]] std::vector<std::byte> encode_step_result(const step_result& result);
[[nodiscard]] result<step_result> decode_step_result(std::span<const std::byte> header,
                                                     const step_bounds& bounds = {});
/// Whether `result` is of this plan: its step, its epoch, and an answer for each of its points.
[[nodiscard]] bool answers(const step_result& result, const step_plan& plan);

/// Messages are cut at 1000 bytes, and what is not printable ASCII becomes '?': they end in logs.
[[nodiscard]] std::vector<std::byte> encode_step_failure(const failed_step& failure);
[[nodiscard]] result<failed_step> decode_step_failure(std::span<const std::byte> header);

}  // namespace troupe
