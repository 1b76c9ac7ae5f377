#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "kernels/api/backend.hpp"
#include "runtime/base/result.hpp"
#include "runtime/cache/kv_store.hpp"
#include "runtime/config/engine_config.hpp"
#include "runtime/device/device.hpp"
#include "runtime/engine/activation_needs.hpp"
#include "runtime/engine/packed_weights.hpp"
#include "runtime/engine/recordings.hpp"
#include "runtime/engine/step_inputs.hpp"
#include "runtime/engine/step_slab.hpp"
#include "runtime/model/model_files.hpp"

namespace troupe {

/// A range of layers [first, last) of a model: what one attention block serves.
struct layer_range {
  std::uint32_t first = 0;
  std::uint32_t last = 0;
  [[nodiscard]] std::uint32_t count() const { return last - first; }
  friend bool operator==(const layer_range&, const layer_range&) = default;
};

/// Tensors that an attention block hands to expert shards for one layer of one step, all on its
/// stream.
struct expert_call {
  kernels::activation x;              ///< [rows, hidden], normalised
  const std::int32_t* ids = nullptr;  ///< [rows, top_k], experts chosen, by rank
  float* outputs = nullptr;           ///< [rows * top_k, hidden], a slot each
  std::uint32_t rows = 0;
  std::uint32_t top_k = 1;
  /// Rows to compute by recorded work, spare ones included; 0: the step is not recorded.
  std::uint32_t recorded_rows = 0;
  /// [rows] of f8_row_bytes(hidden), where `x` was rounded to it: what travels then.
  const std::byte* f8 = nullptr;
};

/// The attention half of a stage: embedding (first stage), attention and routing of every layer,
/// head and sampling (last stage), as work submitted to one stream.
///
/// One step at a time: begin, then for each layer attend, (experts run), combine; then head.
/// Nothing here waits. Used by one attention block only.
///
/// On a device with memory of its own a step is copied there, to fixed addresses. Where the device
/// gains by it, a step of few rows is filled up with spare ones to one of a few sizes, and each of
/// its pieces (a layer's combining with the next one's attention, its experts) submitted as work
/// recorded once for that size. A row's bits are the same: they never depend on the rows beside it.
class attention_stage {
 public:
  struct limits {
    std::uint32_t rows = 256;  ///< most rows a step
    weight_packing packing;
    expert_row_form expert_rows = expert_row_form::exact;
  };

  /// Borrows the device, the files and the KV store; throws std::bad_alloc if workspace does not
  /// fit, or the device takes no work.
  attention_stage(device& d, const model_files& files, layer_range layers, const kv_store& kv,
                  activation_mode mode, const limits& most);

  [[nodiscard]] layer_range layers() const { return layers_; }
  [[nodiscard]] bool is_first() const { return layers_.first == 0; }
  [[nodiscard]] bool is_last() const { return layers_.last == config_.layers; }

  /// Starts a step. `x` has room for hidden rows [rows, hidden], which the stage before has
  /// computed; the first one makes them. It is only read where the device has memory of its own,
  /// and computed in otherwise.
  kernels::status begin(step_inputs& in, float* x);
  /// Attention of `layer`, then the experts' inputs; before it what combine() has put off.
  kernels::status attend(std::uint32_t layer);
  /// The step's hidden rows where they are computed, once the stream has passed them.
  [[nodiscard]] const float* hidden() const { return step_.x; }
  /// The tensors of `layer` for its experts; valid between attend(layer) and combine(layer).
  [[nodiscard]] expert_call experts_of(std::uint32_t layer) const;
  /// Adds the experts' outputs to the hidden rows, in rank order: with the next layer's attention,
  /// and after the last layer at once.
  kernels::status combine(std::uint32_t layer);
  /// All but the last stage, in the end: the hidden rows into `x`, unless they are computed there.
  kernels::status leave(float* x);
  /// Last stage only: logits of the rows that need them, sampled and scored into `in`.
  kernels::status head(step_inputs& in);

 private:
  struct layer_weights {
    std::span<const float> attention_norm, ffn_norm, query_norm, key_norm;
    std::span<const float> query_bias, key_bias, value_bias, output_bias;
    kernels::matrix query, key, value, output, router;
    activation_needs qkv_in, output_in;
    activation_needs experts_in;    ///< what the norm writes: for the router, too
    activation_needs experts_read;  ///< what experts read
    bool sparse = false;
    bool rounds = false;  ///< experts read rows that were rounded to FP8
  };
  static constexpr std::uint32_t head_tile = 32;  ///< rows of logits held at once
  /// Rows of a sequence whose blocks threads can share, where every position is in use.
  static constexpr std::uint32_t attention_spare = 4;

  void load(const model_files& files, activation_mode mode, expert_row_form expert_rows);
  void pack();
  /// Where the step is computed: on the device, or as it lies.
  kernels::status place(step_inputs& in, float* x);
  /// Submits `work`, which is the same for every step of as many rows.
  template <class Work>
  kernels::status submit(std::uint32_t piece, std::uint32_t layer, const Work& work);
  kernels::status open(kernels::stream& s);
  kernels::status attend_heads(kernels::stream& s, std::uint32_t layer);
  kernels::status project(kernels::stream& s, std::uint32_t layer);
  kernels::status choose_experts(kernels::stream& s, std::uint32_t layer);
  kernels::status round_rows(kernels::stream& s, const layer_weights& w);
  kernels::status add_outputs(kernels::stream& s, std::uint32_t layer);
  /// Of the step's own rows.
  [[nodiscard]] std::size_t hidden_bytes() const {
    return rows_ * std::size_t{config_.hidden} * sizeof(float);
  }
  [[nodiscard]] const layer_weights& at(std::uint32_t layer) const {
    return weights_[layer - layers_.first];
  }

  device& device_;
  const model_config& config_;
  layer_range layers_;
  const kv_store& kv_;
  std::vector<layer_weights> weights_;
  packed_weights packed_;
  kernels::matrix embedding_, head_;
  std::span<const float> final_norm_;
  activation_needs head_in_;

  device_buffer inv_freq_, rope_table_, qkv_, attention_room_, router_logits_, expert_ids_,
      expert_weights_, expert_outputs_;
  device_buffer gathered_, logits_;
  activation_buffer normed_, attended_, head_rows_;
  device_buffer f8_rows_;
  /// Expert 0 for every row: a dense layer's routing.
  device_buffer dense_ids_;

  recordings recordings_;
  std::optional<step_slab> slab_;  ///< none: a step is computed where it lies
  std::uint32_t rows_ = 0;         ///< of the step
  step_view step_;                 ///< with spare rows where it is recorded
  bool recorded_ = false;
  std::optional<std::uint32_t> uncombined_;  ///< the layer that combine() was called for last
};

}  // namespace troupe
