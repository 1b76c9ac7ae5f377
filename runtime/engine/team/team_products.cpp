#include <algorithm>

#include "runtime/engine/team/gathered_room.hpp"
#include "runtime/engine/team/team_backend.hpp"

// The operations whose outputs the ranks divide.

namespace troupe {

using kernels::matrix;
using kernels::status;

namespace {

std::vector<column_span> floats_of(const team_shares& shares) {
  std::vector<column_span> spans;
  spans.reserve(shares.of.size());
  for (const tensor_share& s : shares.of)
    spans.push_back({s.first * sizeof(float), s.count * sizeof(float)});
  return spans;
}

template <class T>
T* after(T* at, std::size_t count) {
  return at == nullptr ? nullptr : at + count;
}

}  // namespace

status team_backend::product(const kernels::linear_params& p, const team_shares& shares) {
  const bool everywhere = exchange_.memory().has(p.y);
  const status done = exchange_.each([&](std::uint32_t r, kernels::backend& k, kernels::stream& s) {
    const auto own = part_of(p.w, shares, r, exchange_.memory());
    if (!own) return status::invalid_shape;
    // Outside of the team's memory all write to one place: what is whole, one of them does.
    if (!*own || (r > 0 && !everywhere && !shares.divided)) return status::ok;
    const std::uint32_t first = shares.of[r].first;
    return k.linear(s, {on(p.x, r), *own, after(on(p.bias, r), first),
                        after(on(p.residual, r), first), on(p.y, r) + first, p.rows, p.y_stride});
  });
  if (done != status::ok || !shares.divided) return done;
  return exchange_.complete(reinterpret_cast<std::byte*>(p.y), p.y_stride * sizeof(float),
                            floats_of(shares), p.rows);
}

status team_backend::linear(kernels::stream&, const kernels::linear_params& p) {
  const auto held = exchange_.hold();
  const status s = exchange_.ready();
  return s == status::ok ? product(p, shares_of_rows(p.w)) : s;
}

status team_backend::projections(kernels::stream&, const kernels::projections_params& p) {
  const std::uint32_t ranks = exchange_.count();
  bool by_heads = true;
  std::uint32_t columns = 0;
  for (const matrix& w : p.w) {
    if (!w) continue;
    if (w.rows % ranks != 0) return status::invalid_shape;
    by_heads = by_heads && shares_of_rows(w).even();
    columns += w.rows;
  }
  if (p.y_stride != columns || !exchange_.memory().has(p.y)) return status::unsupported;
  const auto held = exchange_.hold();
  if (const status s = exchange_.ready(); s != status::ok) return s;
  if (!by_heads) return project_apart(p);
  return exchange_.each([&](std::uint32_t r, kernels::backend& k, kernels::stream& s) {
    kernels::projections_params own{on(p.x, r), {}, {}, on(p.y, r), p.rows, columns / ranks};
    for (std::uint32_t i = 0; i < kernels::projections_params::most; ++i) {
      if (!p.w[i]) continue;
      const auto part = part_of(p.w[i], shares_of_rows(p.w[i]), r, exchange_.memory());
      if (!part) return status::invalid_shape;
      own.w[i] = *part;
      own.bias[i] = after(on(p.bias[i], r), p.w[i].rows / ranks * r);
    }
    return k.projections(s, own);
  });
}

/// Where a matrix cannot be divided by heads: its product is made whole first, then each rank takes
/// the columns of its heads.
status team_backend::project_apart(const kernels::projections_params& p) {
  const std::uint32_t ranks = exchange_.count();
  std::size_t widest = 0;
  for (const matrix& w : p.w) widest = std::max<std::size_t>(widest, w.rows);
  std::byte* const room =
      exchange_.scratch(widest * p.rows * sizeof(float), team_exchange::use::product);
  if (room == nullptr) return status::device_error;
  auto* const whole = reinterpret_cast<float*>(room);
  std::uint32_t at = 0;
  for (std::uint32_t i = 0; i < kernels::projections_params::most; ++i) {
    const matrix& w = p.w[i];
    if (!w) continue;
    const status done =
        product({p.x, w, p.bias[i], nullptr, whole, p.rows, w.rows}, shares_of_rows(w));
    if (done != status::ok) return done;
    const std::uint32_t own = w.rows / ranks;
    const status taken = exchange_.each([&](std::uint32_t r, kernels::backend& k,
                                            kernels::stream& s) {
      return k.copy(s, {on(p.y, r) + at, on(whole, r) + std::size_t{own} * r, own * sizeof(float),
                        p.rows, p.y_stride / ranks * sizeof(float), w.rows * sizeof(float)});
    });
    if (taken != status::ok) return taken;
    at += own;
  }
  return status::ok;
}

status team_backend::expert_up(kernels::stream&, const kernels::expert_up_params& p) {
  if (p.experts == nullptr) return status::invalid_shape;
  if (p.expert_count == 0 || p.rows == 0) return status::ok;
  const auto held = exchange_.hold();
  if (const status s = exchange_.ready(); s != status::ok) return s;
  const auto parts = experts_.of(p.experts, p.expert_count, p.hidden.q8 != nullptr);
  if (parts == nullptr) return status::unsupported;
  const std::uint32_t slots = p.rows * p.top_k;
  const gathered_room room(p.hidden, parts->up.of, slots);
  std::byte* const scratch = parts->up.divided ? exchange_.scratch(room.bytes()) : nullptr;
  if (parts->up.divided && scratch == nullptr) return status::device_error;
  const status done = exchange_.each([&](std::uint32_t r, kernels::backend& k, kernels::stream& s) {
    const std::uint32_t cols = parts->up.of[r].count;
    if (cols == 0) return status::ok;
    kernels::expert_up_params own = p;
    own.experts = parts->of[r].data();
    own.offsets = on(p.offsets, r);
    own.slots = on(p.slots, r);
    own.x = on(p.x, r);
    own.hidden = on(parts->up.divided ? room.mine(scratch, cols) : p.hidden, r);
    return k.expert_up(s, own);
  });
  if (done != status::ok || !parts->up.divided) return done;
  return room.gather(exchange_, scratch, p.hidden);
}

status team_backend::expert_down(kernels::stream&, const kernels::expert_down_params& p) {
  if (p.experts == nullptr) return status::invalid_shape;
  if (p.expert_count == 0 || p.rows == 0) return status::ok;
  const auto held = exchange_.hold();
  if (const status s = exchange_.ready(); s != status::ok) return s;
  const auto parts = experts_.of(p.experts, p.expert_count, p.hidden.q8 != nullptr);
  if (parts == nullptr) return status::unsupported;
  const bool everywhere = exchange_.memory().has(p.out);
  return exchange_.each([&](std::uint32_t r, kernels::backend& k, kernels::stream& s) {
    if (parts->down.of[r].count == 0 || (r > 0 && !everywhere && !parts->down.divided))
      return status::ok;
    kernels::expert_down_params own = p;
    own.experts = parts->of[r].data();
    own.offsets = on(p.offsets, r);
    own.slots = on(p.slots, r);
    own.hidden = on(p.hidden, r);
    own.out = on(p.out, r) + parts->down.of[r].first;
    own.out_stride = static_cast<std::uint32_t>(p.stride_of(p.experts[0].down));
    return k.expert_down(s, own);
  });
}

status team_backend::combine(kernels::stream&, const kernels::combine_params& p) {
  const auto held = exchange_.hold();
  if (const status s = exchange_.ready(); s != status::ok) return s;
  const status done = exchange_.each([&](std::uint32_t r, kernels::backend& k, kernels::stream& s) {
    kernels::combine_params own = p;
    own.x = on(p.x, r);
    own.outputs = on(p.outputs, r);
    own.weights = on(p.weights, r);
    return k.combine(s, own);
  });
  if (done != status::ok) return done;
  // Of the other columns a rank may have had no outputs.
  const team_shares shares = shares_of(p.cols, 1, exchange_.count());
  if (!shares.divided) return status::ok;
  return exchange_.complete(reinterpret_cast<std::byte*>(p.x), p.cols * sizeof(float),
                            floats_of(shares), p.rows);
}

status team_backend::complete_rows(float* rows, std::uint32_t count, std::uint32_t cols) {
  const auto held = exchange_.hold();
  if (const status s = exchange_.ready(); s != status::ok) return s;
  const team_shares shares = shares_of(cols, 1, exchange_.count());
  if (!shares.divided) return status::ok;
  return exchange_.complete(reinterpret_cast<std::byte*>(rows), cols * sizeof(float),
                            floats_of(shares), count);
}

}  // namespace troupe
