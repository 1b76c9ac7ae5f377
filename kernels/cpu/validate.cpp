#include "kernels/cpu/validate.hpp"

#include "kernels/cpu/attention_plan.hpp"
#include "kernels/cpu/task.hpp"

namespace troupe::kernels::cpu {
namespace {

/// Widest row a product takes: four float32 rows must fit in a worker's scratch.
constexpr std::uint32_t widest_product = 49152;
/// Widest row of the other operations: one float32 row and some room must fit.
constexpr std::uint32_t widest_row = 131072;

status check(bool good) { return good ? status::ok : status::invalid_shape; }

bool whole_groups(std::uint32_t cols) { return cols % q8_group == 0; }

/// An activation to be written: at least one part, and groups that come out whole.
bool writable(const activation& a, std::uint32_t cols) {
  return a.cols == cols && (a.f32 != nullptr || a.q8 != nullptr) &&
         (a.q8 == nullptr || whole_groups(cols));
}

/// In packed order a matrix can only be multiplied, and only with integer activations.
bool in_file_order(const matrix& w) { return w.layout == weight_layout::rows; }

bool well_formed(const matrix& w) {
  return w.data != nullptr && w.rows > 0 && w.cols > 0 &&
         w.cols % info(w.type).block_elements == 0 &&
         (w.type != dtype::f8_e4m3 || w.scales != nullptr);
}

/// A product of `x` and `w` that can be computed.
bool multipliable(const activation& x, const matrix& w) {
  const bool eight_bit = x.q8 != nullptr && is_integer_quantised(w.type);
  return well_formed(w) && w.cols <= widest_product && x.cols == w.cols &&
         (eight_bit || (x.f32 != nullptr && in_file_order(w)));
}

bool well_formed(const kv_layer& c) {
  return c.keys != nullptr && c.values != nullptr && c.kv_heads > 0 && c.head_dim > 0 &&
         c.page_size > 0 && c.page_size % key_strip == 0 && attention_block % c.page_size == 0;
}

bool well_formed(const row_placement& w) {
  return w.position != nullptr && w.sequence != nullptr && w.page_tables != nullptr;
}

}  // namespace

status validate(const pack_params& p) {
  return check(well_formed(p.from) && in_file_order(p.from) && is_integer_quantised(p.from.type) &&
               p.to != nullptr);
}

status validate(const copy_params& p) {
  const bool apart = p.rows <= 1 || (p.to_stride >= p.bytes && p.from_stride >= p.bytes);
  return check(p.bytes == 0 || p.rows == 0 || (p.to != nullptr && p.from != nullptr && apart));
}

status validate(const embed_params& p) {
  return check(well_formed(p.table) && in_file_order(p.table) && p.ids != nullptr &&
               p.out != nullptr);
}

status validate(const gather_rows_params& p) {
  return check(p.in != nullptr && p.index != nullptr && p.out != nullptr && p.cols > 0);
}

status validate(const encode_rows_params& p) {
  return check(p.x != nullptr && p.out != nullptr && p.cols > 0);
}

status validate(const decode_rows_params& p) {
  return check(p.in != nullptr && p.cols > 0 && p.cols <= widest_row && writable(p.out, p.cols));
}

status validate(const rms_norm_params& p) {
  return check(p.x != nullptr && p.weight != nullptr && p.cols > 0 && p.cols <= widest_row &&
               writable(p.out, p.cols));
}

status validate(const linear_params& p) {
  return check(multipliable(p.x, p.w) && p.y != nullptr && p.y_stride >= p.w.rows);
}

status validate(const projections_params& p) {
  std::uint64_t columns = 0;
  for (const matrix& w : p.w) {
    if (!w) continue;
    if (!multipliable(p.x, w)) return status::invalid_shape;
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
  const std::uint64_t cols = std::uint64_t{p.heads} * p.cache.head_dim;
  if (cols > widest_row || !attention_fits(p)) return status::unsupported;
  return check(writable(p.out, static_cast<std::uint32_t>(cols)));
}

status validate(const route_params& p) {
  return check(p.logits != nullptr && p.ids != nullptr && p.weights != nullptr && p.experts > 0 &&
               p.experts <= widest_row && p.top_k > 0 && p.top_k <= p.experts);
}

status validate(const group_params& p) {
  return check(p.ids != nullptr && p.offsets != nullptr && p.slots != nullptr && p.top_k > 0);
}

status validate(const expert_up_params& p) {
  if (p.experts == nullptr || p.offsets == nullptr || p.slots == nullptr || p.top_k == 0)
    return status::invalid_shape;
  for (std::uint32_t e = 0; e < p.expert_count; ++e) {
    const expert_weights& w = p.experts[e];
    const bool good = multipliable(p.x, w.gate) && multipliable(p.x, w.up) &&
                      w.gate.rows == w.up.rows && writable(p.hidden, w.gate.rows);
    if (!good) return status::invalid_shape;
  }
  return status::ok;
}

status validate(const expert_down_params& p) {
  if (p.experts == nullptr || p.offsets == nullptr || p.slots == nullptr || p.top_k == 0 ||
      p.out == nullptr)
    return status::invalid_shape;
  for (std::uint32_t e = 0; e < p.expert_count; ++e) {
    const matrix& down = p.experts[e].down;
    if (!multipliable(p.hidden, down) || down.rows != p.experts[0].down.rows ||
        p.stride_of(down) < down.rows)
      return status::invalid_shape;
  }
  return status::ok;
}

status validate(const combine_params& p) {
  return check(p.x != nullptr && p.outputs != nullptr && p.top_k > 0 && p.cols > 0);
}

}  // namespace troupe::kernels::cpu
