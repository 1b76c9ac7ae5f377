#pragma once

#include <filesystem>
#include <optional>

#include "actors/engine/embedded_runtime.hpp"
#include "actors/engine/memory_plan.hpp"
#include "actors/engine/model_opening.hpp"
#include "runtime/base/result.hpp"
#include "runtime/config/speculation_config.hpp"
#include "runtime/model/model_files.hpp"
#include "runtime/tokenizer/spec.hpp"

namespace troupe {

/// invalid_argument where the mode and the draft model do not go together.
[[nodiscard]] result<void> check_speculation(const speculation_config& config);

/// Succeeds where every token id means the same to both models; the error names the first that does
/// not.
[[nodiscard]] result<void> check_vocabulary(const tokenizer_spec& served,
                                            const tokenizer_spec& draft);

/// Opens the small model that is to guess for `served`; none where the settings ask for none.
[[nodiscard]] result<std::optional<opened_model>> open_draft_model(
    const speculation_config& config, const model_files& served,
    const embedded_runtime::progress& report);

/// As many KV pages for the small model as the served one has, so that it can follow every
/// sequence. out_of_memory when they do not fit the `available` bytes beside `taken` ones.
[[nodiscard]] result<memory_plan> plan_draft_memory(const model_config& draft,
                                                    const engine_config& config,
                                                    const memory_plan& served, std::size_t taken,
                                                    std::size_t available);

}  // namespace troupe
