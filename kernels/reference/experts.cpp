#include <algorithm>
#include <cmath>

#include "kernels/reference/ops.hpp"
#include "kernels/reference/product.hpp"

namespace troupe::kernels::reference {

void route(const route_params& p) {
  for (std::uint32_t r = 0; r < p.rows; ++r) {
    const float* logits = p.logits + std::size_t{r} * p.experts;
    const float peak = *std::max_element(logits, logits + p.experts);
    std::vector<double> odds(p.experts);
    double all = 0;
    for (std::uint32_t e = 0; e < p.experts; ++e) {
      odds[e] = std::exp(double{logits[e]} - double{peak});
      all += odds[e];
    }
    const std::size_t at = std::size_t{r} * p.top_k;
    double chosen = 0;
    for (std::uint32_t k = 0; k < p.top_k; ++k) {
      // The first of equals.
      const auto best = std::max_element(odds.begin(), odds.end());
      p.ids[at + k] = static_cast<std::int32_t>(best - odds.begin());
      p.weights[at + k] = static_cast<float>(*best / all);
      chosen += *best / all;
      *best = -1;
    }
    if (!p.normalise) continue;
    for (std::uint32_t k = 0; k < p.top_k; ++k)
      p.weights[at + k] = static_cast<float>(double{p.weights[at + k]} / chosen);
  }
}

void group(const group_params& p) {
  std::uint32_t written = 0;
  for (std::uint32_t e = 0; e < p.count; ++e) {
    p.offsets[e] = written;
    for (std::uint32_t slot = 0; slot < p.rows * p.top_k; ++slot)
      if (p.ids[slot] == static_cast<std::int32_t>(p.first + e)) p.slots[written++] = slot;
  }
  p.offsets[p.count] = written;
}

void expert_up(const expert_up_params& p) {
  for (std::uint32_t e = 0; e < p.expert_count; ++e) {
    const expert_weights& w = p.experts[e];
    for (std::uint32_t i = p.offsets[e]; i < p.offsets[e + 1]; ++i) {
      const std::uint32_t row = p.slots[i] / p.top_k;
      const std::vector<float> gate = product(activation_row(p.x, w.gate, row), w.gate);
      std::vector<float> out = product(activation_row(p.x, w.up, row), w.up);
      for (std::size_t n = 0; n < out.size(); ++n) {
        const double g = gate[n];
        out[n] = static_cast<float>(g / (1 + std::exp(-g)) * double{out[n]});
      }
      write_activation(out, p.slots[i], p.hidden);
    }
  }
}

void expert_down(const expert_down_params& p) {
  for (std::uint32_t e = 0; e < p.expert_count; ++e) {
    const matrix& down = p.experts[e].down;
    for (std::uint32_t i = p.offsets[e]; i < p.offsets[e + 1]; ++i) {
      const std::uint32_t slot = p.slots[i];
      const std::vector<float> y = product(activation_row(p.hidden, down, slot), down);
      std::copy(y.begin(), y.end(), p.out + slot * p.stride_of(down));
    }
  }
}

}  // namespace troupe::kernels::reference
