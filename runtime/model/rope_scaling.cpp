#include "runtime/model/rope_scaling.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <vector>

namespace troupe {
namespace {

constexpr std::uint32_t most_dimensions = 4096;

/// theta^(2i / dimensions). The exponent is a float32, and the power its nearest float32.
std::vector<float> position_periods(const rope_parameters& p) {
  std::vector<float> out(p.dimensions / 2);
  for (std::size_t i = 0; i < out.size(); ++i) {
    const float exponent = static_cast<float>(2 * i) / static_cast<float>(p.dimensions);
    out[i] = static_cast<float>(std::pow(p.theta, static_cast<double>(exponent)));
  }
  return out;
}

std::vector<float> inverse(const std::vector<float>& periods, float factor) {
  std::vector<float> out;
  out.reserve(periods.size());
  for (const float period : periods) out.push_back(1.0F / (factor * period));
  return out;
}

double magnitude(double scale, double mscale) {
  return scale <= 1 ? 1.0 : 0.1 * mscale * std::log(scale) + 1.0;
}

double yarn_scale(const rope_parameters& p) {
  if (p.attention_factor) return *p.attention_factor;
  if (p.mscale.value_or(0) != 0 && p.mscale_all_dim.value_or(0) != 0)
    return magnitude(p.factor, *p.mscale) / magnitude(p.factor, *p.mscale_all_dim);
  return magnitude(p.factor, 1);
}

/// The dimension that turns `rotations` times within the original context.
double correction_dimension(const rope_parameters& p, double rotations) {
  return p.dimensions * std::log(p.original_context / (rotations * 2 * std::numbers::pi)) /
         (2 * std::log(p.theta));
}

/// Interpolates slow dimensions, leaves fast ones, and blends linearly between (arXiv 2309.00071).
rope_config yarn(const rope_parameters& p) {
  double low = correction_dimension(p, p.beta_fast);
  double high = correction_dimension(p, p.beta_slow);
  if (p.truncate) {
    low = std::floor(low);
    high = std::ceil(high);
  }
  low = std::max(low, 0.0);
  high = std::min(high, static_cast<double>(p.dimensions) - 1);
  if (low == high) high += 0.001;
  const std::vector<float> periods = position_periods(p);
  const std::vector<float> extrapolated = inverse(periods, 1);
  const std::vector<float> interpolated = inverse(periods, static_cast<float>(p.factor));
  rope_config out;
  out.scale = static_cast<float>(yarn_scale(p));
  for (std::size_t i = 0; i < periods.size(); ++i) {
    const float ramp = std::clamp(
        (static_cast<float>(i) - static_cast<float>(low)) / static_cast<float>(high - low), 0.0F,
        1.0F);
    const float kept = 1 - ramp;
    out.inv_freq.push_back(interpolated[i] * (1 - kept) + extrapolated[i] * kept);
  }
  return out;
}

/// Llama 3.1's rule: long wavelengths are divided, short ones kept, the middle blended.
rope_config llama3(const rope_parameters& p) {
  const auto factor = static_cast<float>(p.factor);
  const auto low = static_cast<float>(p.low_freq_factor);
  const auto high = static_cast<float>(p.high_freq_factor);
  const auto context = static_cast<float>(p.original_context);
  rope_config out;
  out.inv_freq = inverse(position_periods(p), 1);
  for (float& f : out.inv_freq) {
    const float wavelength = static_cast<float>(2 * std::numbers::pi) / f;
    if (wavelength < context / high) continue;
    if (wavelength > context / low) {
      f /= factor;
      continue;
    }
    const float smooth = (context / wavelength - low) / (high - low);
    f = (1 - smooth) * f / factor + smooth * f;
  }
  return out;
}

bool positive(double value) { return std::isfinite(value) && value > 0; }

result<void> check(const rope_parameters& p) {
  if (!(p.theta > 1) || !std::isfinite(p.theta))
    return fail(errc::corrupt, "the rotary embedding's base is {}, must be above 1", p.theta);
  // Before work is done for each of them; the configuration's own check is narrower.
  if (p.dimensions == 0 || p.dimensions % 2 != 0 || p.dimensions > most_dimensions)
    return fail(errc::corrupt, "{} rotated dimensions, must be even and at most {}", p.dimensions,
                most_dimensions);
  if (p.kind == rope_kind::plain) return {};
  if (!positive(p.factor))
    return fail(errc::corrupt, "the rotary embedding's factor is {}", p.factor);
  if (p.kind == rope_kind::linear) return {};
  if (!positive(p.original_context))
    return fail(errc::corrupt, "the rotary embedding's original context is {}", p.original_context);
  if (p.kind == rope_kind::yarn && (!positive(p.beta_fast) || !positive(p.beta_slow)))
    return fail(errc::corrupt, "YaRN's beta_fast is {} and beta_slow {}", p.beta_fast, p.beta_slow);
  if (p.kind == rope_kind::llama3 &&
      (!positive(p.low_freq_factor) || !(p.high_freq_factor > p.low_freq_factor)))
    return fail(errc::corrupt, "llama3 scaling's low_freq_factor is {} and high_freq_factor {}",
                p.low_freq_factor, p.high_freq_factor);
  return {};
}

}  // namespace

result<rope_config> compute_rope(const rope_parameters& p) {
  if (auto ok = check(p); !ok) return fail(std::move(ok.error()));
  rope_config out;
  switch (p.kind) {
    case rope_kind::plain:
      out.inv_freq = inverse(position_periods(p), 1);
      return out;
    case rope_kind::linear:
      out.inv_freq = inverse(position_periods(p), 1);
      for (float& f : out.inv_freq) f /= static_cast<float>(p.factor);
      return out;
    case rope_kind::yarn:
      return yarn(p);
    case rope_kind::llama3:
      return llama3(p);
  }
  return fail(errc::internal, "unknown rotary embedding");
}

std::uint32_t stretched_context(const rope_parameters& p, std::uint32_t context) {
  if (p.kind != rope_kind::yarn) return context;
  constexpr double most = 1U << 28U;  // the longest context there is; also keeps the cast defined
  const double stretched = std::min(p.original_context * p.factor, most);
  return std::max(context, static_cast<std::uint32_t>(stretched));
}

}  // namespace troupe
