#pragma once

#include <cstdint>
#include <optional>

#include "runtime/base/result.hpp"
#include "runtime/model/config.hpp"

namespace troupe {

enum class rope_kind : std::uint8_t { plain, linear, yarn, llama3 };

/// A rotary embedding as model files describe it.
struct rope_parameters {
  rope_kind kind = rope_kind::plain;
  double theta = 10'000;
  std::uint32_t dimensions = 0;  ///< rotated elements of a head; even
  double factor = 1;             ///< linear, YaRN, llama3
  double original_context = 0;   ///< YaRN, llama3: positions before scaling
  /// YaRN; where absent it follows from the factor, or from both mscales.
  std::optional<double> attention_factor;
  std::optional<double> mscale;
  std::optional<double> mscale_all_dim;
  double beta_fast = 32;  ///< YaRN
  double beta_slow = 1;
  bool truncate = true;         ///< YaRN: whole dimensions as the ramp's ends
  double low_freq_factor = 1;   ///< llama3
  double high_freq_factor = 4;  ///< llama3
};

/// Works out frequencies and scale in the order of operations, and in the precision (float32), of
/// Hugging Face transformers, the models' reference. Fails with `corrupt` on values that give no
/// finite frequencies.
[[nodiscard]] result<rope_config> compute_rope(const rope_parameters& p);

/// Positions that a model of `context` positions has once its embedding is stretched: YaRN's
/// original context times its factor, where that is more.
[[nodiscard]] std::uint32_t stretched_context(const rope_parameters& p, std::uint32_t context);

}  // namespace troupe
