#include "kernels/cpu/backend.hpp"

#include <algorithm>

#include "kernels/cpu/attention_plan.hpp"
#include "kernels/cpu/bodies.hpp"
#include "kernels/cpu/cost.hpp"
#include "kernels/cpu/packed_format.hpp"
#include "kernels/cpu/sample.hpp"
#include "kernels/cpu/target.hpp"
#include "kernels/cpu/task.hpp"
#include "kernels/cpu/validate.hpp"

namespace troupe::kernels::cpu {
namespace {

std::uint32_t ceil_divide(std::uint32_t a, std::uint32_t b) { return (a + b - 1) / b; }

/// The operation that a body's parameters describe.
template <class Params>
const auto& operation(const Params& p) {
  if constexpr (requires { p.p; }) {
    return p.p;
  } else {
    return p;
  }
}

/// Hands work to the stream in pieces small enough that threads finish together, and large enough
/// that fetching a piece costs little beside doing it.
template <class Params>
status submit(kernels::stream& s, task::body_fn body, const Params& p, std::uint32_t items) {
  if (items == 0) return status::ok;
  auto& queue = static_cast<cpu::stream&>(s);
  constexpr std::uint32_t pieces_a_thread = 8;
  const std::uint32_t grain =
      std::clamp(items / (queue.threads() * pieces_a_thread), 1U, std::uint32_t{64});
  task t = task::make(body, p, items, grain);
  t.cost = [](const void* params) { return cost(operation(*static_cast<const Params*>(params))); };
  queue.submit(t);
  return status::ok;
}

/// Validates, then submits with `p` itself as the body's parameters.
template <class Params>
status run(kernels::stream& s, task::body_fn body, const Params& p, std::uint32_t items) {
  const status shape = validate(p);
  return shape == status::ok ? submit(s, body, p, items) : shape;
}

class cpu_backend final : public backend {
 public:
  [[nodiscard]] std::string target() const override { return cpu::target(); }

  [[nodiscard]] bool reads_integers() const override { return true; }
  [[nodiscard]] bool reads_at_call() const override { return true; }
  [[nodiscard]] std::size_t packed_bytes(const matrix& w) const override {
    if (w.layout != weight_layout::rows) return 0;
    return packed_format_of(w.type).tile_bytes(w.cols) * ceil_divide(w.rows, tile_rows);
  }
  status pack(kernels::stream& s, const pack_params& p) override {
    return run(s, pack_body(), p, ceil_divide(p.from.rows, tile_rows));
  }

  status copy(kernels::stream& s, const copy_params& p) override {
    const auto pieces = static_cast<std::uint32_t>((p.bytes + copy_bytes - 1) / copy_bytes);
    return run(s, copy_body(), p, p.rows == 1 ? pieces : (p.bytes == 0 ? 0 : p.rows));
  }
  status embed(kernels::stream& s, const embed_params& p) override {
    return run(s, embed_body(), p, p.rows);
  }
  status gather_rows(kernels::stream& s, const gather_rows_params& p) override {
    return run(s, gather_rows_body(), p, p.rows);
  }
  status encode_rows(kernels::stream& s, const encode_rows_params& p) override {
    return run(s, encode_rows_body(), p, p.rows);
  }
  status decode_rows(kernels::stream& s, const decode_rows_params& p) override {
    return run(s, decode_rows_body(), p, p.rows);
  }
  status rms_norm(kernels::stream& s, const rms_norm_params& p) override {
    return run(s, rms_norm_body(), p, p.rows);
  }
  status linear(kernels::stream& s, const linear_params& p) override {
    return run(s, linear_body(), p,
               p.rows == 0 ? 0 : ceil_divide(p.w.rows, linear_columns(p.rows)));
  }
  status projections(kernels::stream& s, const projections_params& p) override {
    std::uint32_t tiles = 0;
    for (const matrix& w : p.w) tiles += ceil_divide(w.rows, linear_columns(p.rows));
    return run(s, projections_body(), p, p.rows == 0 ? 0 : tiles);
  }
  status rope_table(kernels::stream& s, const rope_table_params& p) override {
    return run(s, rope_table_body(), p, p.rows);
  }
  status rope_and_store(kernels::stream& s, const rope_and_store_params& p) override {
    return run(s, rope_and_store_body(), p, p.where.rows);
  }
  status attention(kernels::stream& s, const attention_params& p) override;
  status route(kernels::stream& s, const route_params& p) override {
    return run(s, route_body(), p, p.rows);
  }
  status group(kernels::stream& s, const group_params& p) override {
    return run(s, group_body(), p, 1);
  }
  status expert_up(kernels::stream& s, const expert_up_params& p) override;
  status expert_down(kernels::stream& s, const expert_down_params& p) override;
  status combine(kernels::stream& s, const combine_params& p) override {
    return run(s, combine_body(), p, p.rows);
  }
  status sample(kernels::stream& s, const sample_params& p) override;
  status score(kernels::stream& s, const score_params& p) override;
};

status cpu_backend::attention(kernels::stream& s, const attention_params& p) {
  if (const status shape = validate(p); shape != status::ok) return shape;
  const attention_work work = plan_attention(p, static_cast<cpu::stream&>(s).threads());
  return submit(s, attention_body(), work, work.units);
}

status cpu_backend::expert_up(kernels::stream& s, const expert_up_params& p) {
  if (const status shape = validate(p); shape != status::ok) return shape;
  if (p.expert_count == 0 || p.rows == 0) return status::ok;
  const expert_up_work work{p, ceil_divide(p.experts[0].gate.rows, up_columns)};
  return submit(s, expert_up_body(), work, p.expert_count * work.tiles);
}

status cpu_backend::expert_down(kernels::stream& s, const expert_down_params& p) {
  if (const status shape = validate(p); shape != status::ok) return shape;
  if (p.expert_count == 0 || p.rows == 0) return status::ok;
  const expert_down_work work{p, ceil_divide(p.experts[0].down.rows, linear_columns(p.rows))};
  return submit(s, expert_down_body(), work, p.expert_count * work.tiles);
}

status cpu_backend::sample(kernels::stream& s, const sample_params& p) {
  const bool good = p.count == 0 || (p.logits != nullptr && p.rows != nullptr &&
                                     p.results != nullptr && p.vocab > 0);
  if (!good) return status::invalid_shape;
  const auto body = [](const void* params, std::uint32_t begin, std::uint32_t end,
                       const worker& w) {
    sample_rows(*static_cast<const sample_params*>(params), begin, end, w);
  };
  return submit(s, body, p, p.count);
}

status cpu_backend::score(kernels::stream& s, const score_params& p) {
  const bool good = p.count == 0 || (p.logits != nullptr && p.targets != nullptr &&
                                     p.results != nullptr && p.vocab > 0);
  if (!good) return status::invalid_shape;
  const auto body = [](const void* params, std::uint32_t begin, std::uint32_t end,
                       const worker& w) {
    score_rows(*static_cast<const score_params*>(params), begin, end, w);
  };
  return submit(s, body, p, p.count);
}

}  // namespace

std::unique_ptr<backend> make_cpu_backend() { return std::make_unique<cpu_backend>(); }

}  // namespace troupe::kernels::cpu
