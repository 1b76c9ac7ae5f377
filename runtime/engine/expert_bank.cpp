#include "runtime/engine/expert_bank.hpp"

#include <algorithm>

namespace troupe {

using kernels::status;

expert_bank::expert_bank(device& d, const model_files& files,
                         const std::vector<expert_range>& owned, activation_mode asked,
                         std::uint32_t rows, const weight_packing& packing)
    : device_(d),
      packed_(d, files, asked, packing),
      recordings_(d, rows),
      layers_(files.config().layers) {
  const model_config& config = files.config();
  const activation_mode mode = mode_on(d, asked);
  std::size_t most_experts = 0;
  std::size_t slots = 0;
  std::size_t f32_bytes = 0;
  std::size_t q8_bytes = 0;
  for (const expert_range& range : owned) {
    layer_experts& layer = layers_[range.layer];
    layer.first = range.first;
    layer.intermediate = config.layer_intermediate(range.layer);
    for (std::uint32_t e = range.first; e < range.first + range.count; ++e) {
      layer.weights.push_back({files.matrix(matrix_slot::expert_gate, range.layer, e),
                               files.matrix(matrix_slot::expert_up, range.layer, e),
                               files.matrix(matrix_slot::expert_down, range.layer, e)});
      layer.hidden.add(layer.weights.back().down, mode);
    }
    const std::size_t layer_slots = std::size_t{rows} * config.layer_top_k(range.layer);
    const std::size_t floats = layer_slots * layer.intermediate * sizeof(float);
    most_experts = std::max<std::size_t>(most_experts, range.count);
    slots = std::max(slots, layer_slots);
    if (layer.hidden.f32) f32_bytes = std::max(f32_bytes, floats);
    if (layer.hidden.q8)
      q8_bytes = std::max(q8_bytes, layer_slots * kernels::q8_row_bytes(layer.intermediate));
  }
  for (layer_experts& layer : layers_)
    for (kernels::expert_weights& w : layer.weights)
      for (kernels::matrix* each : {&w.gate, &w.up, &w.down}) packed_.add(*each);
  packed_.pack();
  offsets_ = d.allocate((most_experts + 1) * sizeof(std::uint32_t));
  slots_ = d.allocate(slots * sizeof(std::uint32_t));
  hidden_f32_ = d.allocate(f32_bytes);
  hidden_q8_ = d.allocate(q8_bytes);
}

status expert_bank::apply(std::uint32_t layer, const expert_call& call) {
  const layer_experts& owned = layers_[layer];
  if (call.recorded_rows == 0) return submit(device_.stream(), owned, call, call.rows);
  // Several stages may ask, each from its own tensors.
  return recordings_.submit(
      {0, layer, call.recorded_rows, {call.x.f32, call.ids, call.outputs}},
      [&](kernels::stream& s) { return submit(s, owned, call, call.recorded_rows); });
}

status expert_bank::submit(kernels::stream& s, const layer_experts& owned, const expert_call& call,
                           std::uint32_t rows) {
  kernels::backend& k = device_.kernels();
  const auto count = static_cast<std::uint32_t>(owned.weights.size());
  auto* offsets = offsets_.as<std::uint32_t>();
  auto* slots = slots_.as<std::uint32_t>();
  const kernels::activation hidden{owned.hidden.f32 ? hidden_f32_.as<float>() : nullptr,
                                   owned.hidden.q8 ? hidden_q8_.data() : nullptr,
                                   owned.intermediate};
  status done = k.group(s, {call.ids, offsets, slots, rows, call.top_k, owned.first, count});
  if (done != status::ok) return done;
  done = k.expert_up(
      s, {owned.weights.data(), offsets, slots, call.x, hidden, count, rows, call.top_k});
  if (done != status::ok) return done;
  return k.expert_down(
      s, {owned.weights.data(), offsets, slots, hidden, call.outputs, count, rows, call.top_k});
}

}  // namespace troupe
