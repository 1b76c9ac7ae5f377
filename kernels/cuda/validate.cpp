#include "kernels/cuda/validate.hpp"

#include <limits>

#include "kernels/cuda/body/attention_work.hpp"

namespace troupe::kernels::cuda {
namespace {

status check(bool good) { return good ? status::ok : status::invalid_shape; }

bool well_formed(const matrix& w) {
  return w.data != nullptr && w.rows > 0 && w.cols > 0 &&
         w.cols % info(w.type).block_elements == 0 &&
         (w.type != dtype::f8_e4m3 || w.scales != nullptr || w.layout == weight_layout::tiles);
}

bool well_formed(const kv_layer& c) {
  return c.keys != nullptr && c.values != nullptr && c.kv_heads > 0 && c.head_dim > 0 &&
         c.page_size > 0 && c.page_size % key_strip == 0 && attention_block % c.page_size == 0;
}

bool well_formed(const row_placement& w) {
  return w.position != nullptr && w.sequence != nullptr && w.page_tables != nullptr;
}

/// Activations come and go as float32.
status readable(const activation& x, std::uint32_t cols) {
  if (x.f32 == nullptr) return x.q8 != nullptr ? status::unsupported : status::invalid_shape;
  return check(x.cols == cols);
}
status writable(const activation& out, std::uint32_t cols) {
  return out.q8 != nullptr ? status::unsupported : readable(out, cols);
}

status multipliable(const activation& x, const matrix& w) {
  return well_formed(w) ? readable(x, w.cols) : status::invalid_shape;
}

bool alike(const matrix& a, const matrix& b) { return a.rows == b.rows && a.cols == b.cols; }

template <class Params>
status check_experts(const Params& p, status (*one)(const Params&, const expert_weights&)) {
  const bool good = p.experts != nullptr && p.offsets != nullptr && p.slots != nullptr &&
                    p.top_k > 0 &&
                    std::uint64_t{p.rows} * p.top_k <= std::numeric_limits<std::int32_t>::max();
  if (!good) return status::invalid_shape;
  for (std::uint32_t e = 0; e < p.expert_count; ++e)
    if (const status s = one(p, p.experts[e]); s != status::ok) return s;
  return status::ok;
}

}  // namespace

status validate(const pack_params& p) {
  return check(well_formed(p.from) && p.from.layout == weight_layout::rows && p.to != nullptr);
}

status validate(const copy_params& p) {
  const bool apart = p.rows <= 1 || (p.to_stride >= p.bytes && p.from_stride >= p.bytes);
  return check(p.bytes == 0 || p.rows == 0 || (p.to != nullptr && p.from != nullptr && apart));
}

status validate(const embed_params& p) {
  return check(well_formed(p.table) && p.ids != nullptr && p.out != nullptr);
}

status validate(const gather_rows_params& p) {
  return check(p.in != nullptr && p.index != nullptr && p.out != nullptr && p.cols > 0);
}

status validate(const encode_rows_params& p) {
  return check(p.x != nullptr && p.out != nullptr && p.cols > 0);
}

status validate(const decode_rows_params& p) {
  if (p.in == nullptr || p.cols == 0) return status::invalid_shape;
  return writable(p.out, p.cols);
}

status validate(const rms_norm_params& p) {
  if (p.x == nullptr || p.weight == nullptr || p.cols == 0) return status::invalid_shape;
  return writable(p.out, p.cols);
}

status validate(const linear_params& p) {
  if (p.y == nullptr || p.y_stride < p.w.rows) return status::invalid_shape;
  return multipliable(p.x, p.w);
}

status validate(const projections_params& p) {
  std::uint64_t columns = 0;
  for (const matrix& w : p.w) {
    if (!w) continue;
    if (const status s = multipliable(p.x, w); s != status::ok) return s;
    columns += w.rows;
  }
  return check(p.y != nullptr && columns > 0 && p.y_stride >= columns);
}

status validate(const rope_table_params& p) {
  return check(p.position != nullptr && p.inv_freq != nullptr && p.table != nullptr && p.half > 0);
}

status validate(const rope_and_store_params& p) {
  return check(p.qkv != nullptr && p.table != nullptr && well_formed(p.cache) &&
               well_formed(p.where) && p.heads > 0 &&
               2 * std::uint64_t{p.half} <= p.cache.head_dim);
}

status validate(const attention_params& p) {
  const bool good = p.qkv != nullptr && well_formed(p.cache) && well_formed(p.where) &&
                    p.heads > 0 && p.heads % p.cache.kv_heads == 0;
  if (!good) return status::invalid_shape;
  if (p.cache.head_dim > attention_most_dim) return status::unsupported;
  return writable(p.out, p.heads * p.cache.head_dim);
}

status validate(const route_params& p) {
  return check(p.logits != nullptr && p.ids != nullptr && p.weights != nullptr && p.experts > 0 &&
               p.top_k > 0 && p.top_k <= p.experts);
}

status validate(const group_params& p) {
  return check(p.ids != nullptr && p.offsets != nullptr && p.slots != nullptr && p.top_k > 0);
}

status validate(const expert_up_params& p) {
  return check_experts<expert_up_params>(
      p, [](const expert_up_params& up, const expert_weights& w) {
        if (const status s = multipliable(up.x, w.gate); s != status::ok) return s;
        if (const status s = multipliable(up.x, w.up); s != status::ok) return s;
        if (!alike(w.gate, w.up) || !alike(w.gate, up.experts[0].gate))
          return status::invalid_shape;
        return writable(up.hidden, w.gate.rows);
      });
}

status validate(const expert_down_params& p) {
  if (p.out == nullptr) return status::invalid_shape;
  return check_experts<expert_down_params>(
      p, [](const expert_down_params& down, const expert_weights& w) {
        if (!alike(w.down, down.experts[0].down) || down.stride_of(w.down) < w.down.rows)
          return status::invalid_shape;
        return multipliable(down.hidden, w.down);
      });
}

status validate(const combine_params& p) {
  return check(p.x != nullptr && p.outputs != nullptr && p.top_k > 0 && p.cols > 0);
}

status validate(const sample_params& p) {
  return check(p.count == 0 ||
               (p.logits != nullptr && p.rows != nullptr && p.results != nullptr && p.vocab > 0));
}

status validate(const score_params& p) {
  return check(p.count == 0 || (p.logits != nullptr && p.targets != nullptr &&
                                p.results != nullptr && p.vocab > 0));
}

}  // namespace troupe::kernels::cuda
