#include "runtime/engine/attention_stage.hpp"

#include <algorithm>
#include <cmath>
#include <new>
#include <utility>

namespace troupe {
namespace {

using kernels::status;

/// Runs each submission in turn until one is refused.
template <class... Submissions>
status in_order(Submissions&&... submissions) {
  status s = status::ok;
  (void)((s = submissions(), s == status::ok) && ...);
  return s;
}

/// Kinds of recorded pieces.
enum : std::uint32_t { opening, attention, closing };

}  // namespace

attention_stage::attention_stage(device& d, const model_files& files, layer_range layers,
                                 const kv_store& kv, activation_mode mode, const limits& most)
    : device_(d),
      config_(files.config()),
      layers_(layers),
      kv_(kv),
      packed_(d, files, mode, most.packing),
      recordings_(d, most.rows) {
  load(files, mode_on(d, mode), most.expert_rows);
  pack();
  const std::size_t rows = most.rows;
  const std::size_t hidden = config_.hidden;
  activation_needs normed;
  activation_needs attended;
  std::size_t top_k = 1;
  for (std::uint32_t layer = layers_.first; layer < layers_.last; ++layer) {
    normed.merge(at(layer).qkv_in);
    normed.merge(at(layer).experts_in);
    normed.merge(at(layer).experts_read);
    attended.merge(at(layer).output_in);
    top_k = std::max<std::size_t>(top_k, config_.layer_top_k(layer));
  }
  const auto half = config_.rope.inv_freq.size();
  inv_freq_ = d.allocate(half * sizeof(float));
  if (d.kernels().copy(d.stream(), {inv_freq_.data(), config_.rope.inv_freq.data(),
                                    half * sizeof(float)}) != status::ok)
    throw std::bad_alloc();
  rope_table_ = d.allocate(rows * half * 2 * sizeof(float));
  qkv_ = d.allocate(rows * config_.qkv_width() * sizeof(float));
  normed_ = activation_buffer(d, rows, config_.hidden, normed);
  attended_ = activation_buffer(d, rows, config_.heads * config_.head_dim, attended);
  const auto rounds = [](const layer_weights& w) { return w.rounds; };
  if (std::ranges::any_of(weights_, rounds))
    f8_rows_ = d.allocate(rows * kernels::f8_row_bytes(hidden));
  attention_room_ = d.allocate(kernels::attention_workspace_bytes(
      config_.heads, config_.head_dim,
      std::size_t{attention_spare} * kv.pages() * kv.layout().page_size));
  router_logits_ = d.allocate(rows * config_.experts * sizeof(float));
  expert_ids_ = d.allocate(rows * top_k * sizeof(std::int32_t));
  expert_weights_ = d.allocate(rows * top_k * sizeof(float));
  expert_outputs_ = d.allocate(rows * top_k * hidden * sizeof(float));
  dense_ids_ = d.allocate(rows * sizeof(std::int32_t));
  if (d.has_own_memory()) slab_.emplace(d, kv, most.rows, config_.hidden);
  if (is_last()) {
    gathered_ = d.allocate(head_tile * hidden * sizeof(float));
    head_rows_ = activation_buffer(d, head_tile, config_.hidden, head_in_);
    logits_ = d.allocate(std::size_t{head_tile} * head_.rows * sizeof(float));
  }
}

void attention_stage::load(const model_files& files, activation_mode mode,
                           expert_row_form expert_rows) {
  for (std::uint32_t layer = layers_.first; layer < layers_.last; ++layer) {
    layer_weights w;
    w.attention_norm = files.vector(vector_slot::attention_norm, layer);
    w.ffn_norm = files.vector(vector_slot::ffn_norm, layer);
    w.query_norm = files.vector(vector_slot::query_norm, layer);
    w.key_norm = files.vector(vector_slot::key_norm, layer);
    w.query_bias = files.vector(vector_slot::query_bias, layer);
    w.key_bias = files.vector(vector_slot::key_bias, layer);
    w.value_bias = files.vector(vector_slot::value_bias, layer);
    w.output_bias = files.vector(vector_slot::attention_output_bias, layer);
    w.query = files.matrix(matrix_slot::query, layer, 0);
    w.key = files.matrix(matrix_slot::key, layer, 0);
    w.value = files.matrix(matrix_slot::value, layer, 0);
    w.output = files.matrix(matrix_slot::attention_output, layer, 0);
    w.sparse = config_.is_sparse(layer);
    for (const kernels::matrix& reader : {w.query, w.key, w.value}) w.qkv_in.add(reader, mode);
    w.output_in.add(w.output, mode);
    for (std::uint32_t e = 0; e < config_.layer_experts(layer); ++e) {
      w.experts_read.add(files.matrix(matrix_slot::expert_gate, layer, e), mode);
      w.experts_read.add(files.matrix(matrix_slot::expert_up, layer, e), mode);
    }
    w.rounds = w.sparse && expert_rows == expert_row_form::fp8;
    if (!w.rounds) w.experts_in = w.experts_read;
    if (w.sparse) {
      w.router = files.matrix(matrix_slot::router, layer, 0);
      // The router decides; it reads float32 whatever its type.
      w.experts_in.f32 = true;
    }
    weights_.push_back(w);
  }
  if (is_first()) embedding_ = files.matrix(matrix_slot::token_embedding, 0, 0);
  if (is_last()) {
    head_ = files.matrix(matrix_slot::head, 0, 0);
    final_norm_ = files.vector(vector_slot::final_norm, 0);
    head_in_.add(head_, mode);
  }
}

void attention_stage::pack() {
  // Not the embedding, which is looked up, nor on a device of integer products the router, which
  // reads float32 activations.
  for (layer_weights& w : weights_) {
    for (kernels::matrix* each : {&w.query, &w.key, &w.value, &w.output}) packed_.add(*each);
    if (!device_.kernels().reads_integers()) packed_.add(w.router);
  }
  packed_.add(head_);
  packed_.pack();
}

status attention_stage::place(step_inputs& in, float* x) {
  recorded_ = false;
  step_ = {in.tokens(), in.where(), x};
  if (!slab_) return status::ok;
  // What the host reads at the call lies where the host can, before the stream gets there.
  if (!device_.kernels().reads_at_call()) {
    const std::optional<std::uint32_t> bucket = recordings_.rows_for(rows_);
    const std::optional<step_view> placed = slab_->place(in, bucket.value_or(rows_));
    recorded_ = bucket && placed;
    if (placed) step_ = *placed;
  }
  step_.x = slab_->x();
  return is_first() ? status::ok
                    : device_.kernels().copy(device_.stream(), {step_.x, x, hidden_bytes()});
}

template <class Work>
status attention_stage::submit(std::uint32_t piece, std::uint32_t layer, const Work& work) {
  if (!recorded_) return work(device_.stream());
  return recordings_.submit({piece, layer, step_.where.rows}, work);
}

status attention_stage::begin(step_inputs& in, float* x) {
  rows_ = in.rows();
  uncombined_.reset();
  if (const status placed = place(in, x); placed != status::ok) return placed;
  return submit(opening, layers_.first, [this](kernels::stream& s) { return open(s); });
}

status attention_stage::open(kernels::stream& s) {
  kernels::backend& k = device_.kernels();
  const auto half = static_cast<std::uint32_t>(config_.rope.inv_freq.size());
  const status done =
      k.rope_table(s, {step_.where.position, inv_freq_.as<float>(), rope_table_.as<float>(),
                       config_.rope.scale, half, step_.where.rows});
  if (done != status::ok || !is_first()) return done;
  return k.embed(s, {embedding_, step_.tokens, step_.x, step_.where.rows});
}

status attention_stage::attend(std::uint32_t layer) {
  const std::optional<std::uint32_t> before = std::exchange(uncombined_, std::nullopt);
  return submit(attention, layer, [&](kernels::stream& s) {
    return in_order([&] { return before ? add_outputs(s, *before) : status::ok; },
                    [&] { return attend_heads(s, layer); }, [&] { return project(s, layer); },
                    [&] { return choose_experts(s, layer); });
  });
}

status attention_stage::attend_heads(kernels::stream& s, std::uint32_t layer) {
  const layer_weights& w = at(layer);
  kernels::backend& k = device_.kernels();
  const std::uint32_t rows = step_.where.rows;
  const std::uint32_t width = config_.qkv_width();
  auto* qkv = qkv_.as<float>();
  const kernels::activation normed = normed_.view(w.qkv_in);
  const kernels::kv_layer cache = kv_.layer(layer - layers_.first);
  return in_order(
      [&] {
        return k.rms_norm(
            s, {step_.x, w.attention_norm.data(), normed, config_.norm_eps, rows, config_.hidden});
      },
      [&] {
        return k.projections(s, {normed,
                                 {w.query, w.key, w.value},
                                 {w.query_bias.data(), w.key_bias.data(), w.value_bias.data()},
                                 qkv,
                                 rows,
                                 width});
      },
      [&] {
        return k.rope_and_store(
            s, {qkv, w.query_norm.data(), w.key_norm.data(), rope_table_.as<float>(), cache,
                step_.where, config_.norm_eps, config_.rope.pairing, config_.heads,
                static_cast<std::uint32_t>(config_.rope.inv_freq.size())});
      },
      [&] {
        const float scale = 1.0F / std::sqrt(static_cast<float>(config_.head_dim));
        return k.attention(s, {qkv, cache, step_.where, attended_.view(w.output_in), scale,
                               config_.heads, attention_room_.data(), attention_room_.bytes()});
      });
}

status attention_stage::project(kernels::stream& s, std::uint32_t layer) {
  const layer_weights& w = at(layer);
  return device_.kernels().linear(s, {attended_.view(w.output_in), w.output, w.output_bias.data(),
                                      step_.x, step_.x, step_.where.rows, config_.hidden});
}

status attention_stage::choose_experts(kernels::stream& s, std::uint32_t layer) {
  const layer_weights& w = at(layer);
  kernels::backend& k = device_.kernels();
  const std::uint32_t rows = step_.where.rows;
  const kernels::activation expert_x = normed_.view(w.experts_in);
  const status normed =
      k.rms_norm(s, {step_.x, w.ffn_norm.data(), expert_x, config_.norm_eps, rows, config_.hidden});
  if (normed != status::ok || !w.sparse) return normed;
  const kernels::activation router_x{expert_x.f32, nullptr, config_.hidden};
  auto* logits = router_logits_.as<float>();
  return in_order(
      [&] {
        return k.linear(s, {router_x, w.router, nullptr, nullptr, logits, rows, config_.experts});
      },
      [&] {
        return k.route(s, {logits, expert_ids_.as<std::int32_t>(), expert_weights_.as<float>(),
                           rows, config_.experts, config_.top_k, config_.normalise_top_k});
      },
      [&] { return w.rounds ? round_rows(s, w) : status::ok; });
}

/// In place, as nothing but experts reads the rows any more.
status attention_stage::round_rows(kernels::stream& s, const layer_weights& w) {
  kernels::backend& k = device_.kernels();
  const std::uint32_t rows = step_.where.rows;
  return in_order(
      [&] {
        return k.encode_rows(
            s, {normed_.view(w.experts_in).f32, f8_rows_.data(), rows, config_.hidden});
      },
      [&] {
        return k.decode_rows(s,
                             {f8_rows_.data(), normed_.view(w.experts_read), rows, config_.hidden});
      });
}

expert_call attention_stage::experts_of(std::uint32_t layer) const {
  const layer_weights& w = at(layer);
  return {normed_.view(w.rounds ? w.experts_read : w.experts_in),
          (w.sparse ? expert_ids_ : dense_ids_).as<std::int32_t>(),
          expert_outputs_.as<float>(),
          rows_,
          config_.layer_top_k(layer),
          recorded_ ? step_.where.rows : 0,
          w.rounds ? f8_rows_.data() : nullptr};
}

status attention_stage::combine(std::uint32_t layer) {
  if (layer + 1 < layers_.last) {
    uncombined_ = layer;
    return status::ok;
  }
  return submit(closing, layer, [&](kernels::stream& s) { return add_outputs(s, layer); });
}

status attention_stage::leave(float* x) {
  if (x == step_.x) return status::ok;
  return device_.kernels().copy(device_.stream(), {x, step_.x, hidden_bytes()});
}

status attention_stage::add_outputs(kernels::stream& s, std::uint32_t layer) {
  const float* weights = at(layer).sparse ? expert_weights_.as<float>() : nullptr;
  return device_.kernels().combine(s,
                                   {step_.x, expert_outputs_.as<float>(), weights, step_.where.rows,
                                    config_.layer_top_k(layer), config_.hidden});
}

status attention_stage::head(step_inputs& in) {
  kernels::backend& k = device_.kernels();
  kernels::stream& s = device_.stream();
  const auto total = static_cast<std::uint32_t>(in.head_rows().size());
  const std::uint32_t samples = in.sample_count();
  const kernels::activation rows_in = head_rows_.view(head_in_);
  auto* gathered = gathered_.as<float>();
  auto* logits = logits_.as<float>();
  // Tiles never mix rows to sample with rows to score.
  for (std::uint32_t at = 0; at < total;) {
    const std::uint32_t end = at < samples ? samples : total;
    const std::uint32_t count = std::min(head_tile, end - at);
    const status done = in_order(
        [&] {
          return k.gather_rows(
              s, {step_.x, in.head_rows().data() + at, gathered, count, config_.hidden});
        },
        [&] {
          return k.rms_norm(
              s, {gathered, final_norm_.data(), rows_in, config_.norm_eps, count, config_.hidden});
        },
        [&] {
          return k.linear(s, {rows_in, head_, nullptr, nullptr, logits, count, head_.rows});
        },
        [&] {
          if (at < samples) {
            return k.sample(
                s, {logits, in.sample_rows() + at, in.sample_results() + at, count, head_.rows});
          }
          const std::uint32_t first = at - samples;
          return k.score(s, {logits, in.score_targets() + first, in.score_tops() + first,
                             in.score_results() + first, count, head_.rows});
        });
    if (done != status::ok) return done;
    at += count;
  }
  return status::ok;
}

}  // namespace troupe
