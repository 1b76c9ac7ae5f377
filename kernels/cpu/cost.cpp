#include "kernels/cpu/cost.hpp"

#include <algorithm>

namespace troupe::kernels::cpu {
namespace {

/// Bytes of `rows` rows of activations in the forms that are there.
double row_traffic(const activation& a, double rows) {
  const double f32 = a.f32 == nullptr ? 0 : 1.0 * sizeof(float) * a.cols;
  const double q8 = a.q8 == nullptr ? 0 : static_cast<double>(q8_row_bytes(a.cols));
  return rows * (f32 + q8);
}

double floats(double count) { return count * sizeof(float); }

/// A product of `rows` rows with one matrix; only the part of `x` that it reads counts.
task_cost product(const char* operation, const activation& x, const matrix& w, double rows) {
  const bool integer = x.q8 != nullptr && is_integer_quantised(w.type);
  const activation read{integer ? nullptr : x.f32, integer ? x.q8 : nullptr, x.cols};
  return {.operation = operation,
          .type = w.type,
          .rows = w.rows,
          .cols = w.cols,
          .integer = integer,
          .bytes = static_cast<double>(w.bytes()) + row_traffic(read, rows),
          .operations = 2.0 * rows * w.rows * w.cols};
}

/// Slots of the listed experts, and how many experts have any.
struct busy_experts {
  double slots = 0;
  double experts = 0;
};
busy_experts count_busy(const std::uint32_t* offsets, std::uint32_t count) {
  busy_experts busy;
  for (std::uint32_t e = 0; e < count; ++e) busy.experts += offsets[e + 1] > offsets[e] ? 1 : 0;
  busy.slots = offsets[count] - offsets[0];
  return busy;
}

}  // namespace

task_cost cost(const copy_params& p) {
  return {.operation = "copy", .bytes = 2.0 * static_cast<double>(p.bytes) * p.rows};
}

task_cost cost(const embed_params& p) {
  const double row = static_cast<double>(row_bytes(p.table.type, p.table.cols));
  return {.operation = "embed", .bytes = p.rows * (row + floats(p.table.cols))};
}

task_cost cost(const gather_rows_params& p) {
  return {.operation = "gather_rows", .bytes = 2 * floats(1.0 * p.rows * p.cols)};
}

task_cost cost(const encode_rows_params& p) {
  const double elements = 1.0 * p.rows * p.cols;
  return {.operation = "encode_rows",
          .bytes = floats(elements) + 1.0 * p.rows * static_cast<double>(f8_row_bytes(p.cols)),
          .operations = elements};
}

task_cost cost(const decode_rows_params& p) {
  return {.operation = "decode_rows",
          .bytes =
              1.0 * p.rows * static_cast<double>(f8_row_bytes(p.cols)) + row_traffic(p.out, p.rows),
          .operations = 1.0 * p.rows * p.cols};
}

task_cost cost(const rms_norm_params& p) {
  const double elements = 1.0 * p.rows * p.cols;
  return {.operation = "rms_norm",
          .bytes = floats(elements + p.cols) + row_traffic(p.out, p.rows),
          .operations = 4 * elements};
}

task_cost cost(const pack_params& p) {
  return {.operation = "pack", .bytes = 2 * static_cast<double>(p.from.bytes())};
}

task_cost cost(const linear_params& p) {
  task_cost c = product("linear", p.x, p.w, p.rows);
  c.bytes += floats(1.0 * p.rows * p.w.rows) * (p.residual == nullptr ? 1 : 2);
  return c;
}

task_cost cost(const projections_params& p) {
  task_cost all;
  for (const matrix& w : p.w) {
    if (!w) continue;
    const task_cost part = product("projections", p.x, w, p.rows);
    const bool first = all.rows == 0;
    const double again = first ? 0 : part.bytes - static_cast<double>(w.bytes());  // x is read once
    const std::uint32_t rows = all.rows + w.rows;
    const double bytes = all.bytes + part.bytes - again + floats(1.0 * p.rows * w.rows);
    const double operations = all.operations + part.operations;
    if (first) all = part;
    all.rows = rows;
    all.bytes = bytes;
    all.operations = operations;
  }
  return all;
}

task_cost cost(const rope_table_params& p) {
  const double angles = 1.0 * p.rows * p.half;
  return {.operation = "rope_table", .bytes = 2 * floats(angles), .operations = 2 * angles};
}

task_cost cost(const rope_and_store_params& p) {
  const double width = 1.0 * p.cache.head_dim * (p.heads + 2.0 * p.cache.kv_heads);
  const double stored = 2.0 * p.cache.kv_heads * p.cache.head_dim *
                        static_cast<double>(kv_element_bytes(p.cache.type));
  const double turned = 2.0 * p.half * (p.heads + p.cache.kv_heads);
  return {.operation = "rope_and_store",
          .bytes = p.where.rows * (2 * floats(width) + stored),
          .operations = p.where.rows * 3 * turned};
}

task_cost cost(const attention_params& p) {
  // A sequence's rows stand together and rise, so its last row sees every position it reads.
  double read = 0;
  double seen = 0;
  for (std::uint32_t r = 0; r < p.where.rows; ++r) {
    const double positions = p.where.position[r] + 1.0;
    const bool last = r + 1 == p.where.rows || p.where.sequence[r + 1] != p.where.sequence[r];
    seen += positions;
    read += last ? positions : 0;
  }
  const double q_width = 1.0 * p.heads * p.cache.head_dim;
  const double position_bytes = 2.0 * p.cache.kv_heads * p.cache.head_dim *
                                static_cast<double>(kv_element_bytes(p.cache.type));
  return {.operation = "attention",
          .bytes = read * position_bytes + floats(p.where.rows * q_width) +
                   row_traffic(p.out, p.where.rows),
          .operations = 4 * seen * q_width};
}

task_cost cost(const route_params& p) {
  return {.operation = "route",
          .bytes = floats(1.0 * p.rows * (p.experts + 2.0 * p.top_k)),
          .operations = 2.0 * p.rows * p.experts};
}

task_cost cost(const group_params& p) {
  return {.operation = "group", .bytes = 2 * floats(1.0 * p.rows * p.top_k)};
}

task_cost cost(const expert_up_params& p) {
  if (p.expert_count == 0) return {.operation = "expert_up"};
  const busy_experts busy = count_busy(p.offsets, p.expert_count);
  const expert_weights& e = p.experts[0];
  const task_cost gate = product("expert_up", p.x, e.gate, busy.slots);
  const task_cost up = product("expert_up", p.x, e.up, busy.slots);
  task_cost c = gate;
  c.rows = e.gate.rows + e.up.rows;
  c.bytes = busy.experts * static_cast<double>(e.gate.bytes() + e.up.bytes()) +
            (gate.bytes - static_cast<double>(e.gate.bytes())) + row_traffic(p.hidden, busy.slots);
  c.operations = gate.operations + up.operations;
  return c;
}

task_cost cost(const expert_down_params& p) {
  if (p.expert_count == 0) return {.operation = "expert_down"};
  const busy_experts busy = count_busy(p.offsets, p.expert_count);
  const matrix& down = p.experts[0].down;
  task_cost c = product("expert_down", p.hidden, down, busy.slots);
  c.bytes +=
      (busy.experts - 1) * static_cast<double>(down.bytes()) + floats(busy.slots * down.rows);
  return c;
}

task_cost cost(const combine_params& p) {
  const double elements = 1.0 * p.rows * p.cols;
  return {.operation = "combine",
          .bytes = floats(elements * (2.0 + p.top_k)),
          .operations = elements * (p.weights == nullptr ? 1.0 : 2.0) * p.top_k};
}

task_cost cost(const sample_params& p) {
  return {.operation = "sample", .bytes = floats(1.0 * p.count * p.vocab)};
}

task_cost cost(const score_params& p) {
  return {.operation = "score", .bytes = floats(1.0 * p.count * p.vocab)};
}

}  // namespace troupe::kernels::cpu
