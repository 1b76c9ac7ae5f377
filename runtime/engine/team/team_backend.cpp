#include "runtime/engine/team/team_backend.hpp"

#include <algorithm>
#include <utility>

#include "runtime/engine/team/gathered_room.hpp"

namespace troupe {

using kernels::activation;
using kernels::matrix;
using kernels::status;

namespace {

/// A form that is there: all lie in memory of one kind.
const void* some(const activation& x) {
  return x.f32 != nullptr ? static_cast<const void*>(x.f32) : x.q8;
}

}  // namespace

team_backend::team_backend(team_exchange& exchange)
    : exchange_(exchange),
      experts_(exchange.memory(), exchange.count(),
               [this](std::shared_ptr<const team_expert_parts> old) {
                 exchange_.notify([kept = std::move(old)] {});
               }) {}

std::string team_backend::target() const { return exchange_.ranks().front()->kernels().target(); }

bool team_backend::reads_integers() const {
  return exchange_.ranks().front()->kernels().reads_integers();
}

bool team_backend::reads_at_call() const {
  return exchange_.ranks().front()->kernels().reads_at_call();
}

kernels::kv_layer team_backend::on(const kernels::kv_layer& whole, std::uint32_t rank) const {
  kernels::kv_layer own = whole;
  own.keys = on(whole.keys, rank);
  own.values = on(whole.values, rank);
  own.kv_heads = whole.kv_heads / exchange_.count();
  return own;
}

team_shares team_backend::shares_of_rows(const matrix& w) const {
  return shares_of(w.rows, least_unit(w.type), exchange_.count());
}

template <class F>
status team_backend::repeat(const void* out, const F& f) {
  const auto held = exchange_.hold();
  if (const status s = exchange_.ready(); s != status::ok) return s;
  const bool everywhere = exchange_.memory().has(out);
  return exchange_.each([&](std::uint32_t r, kernels::backend& k, kernels::stream& s) {
    return r == 0 || everywhere ? f(r, k, s) : status::ok;
  });
}

std::size_t team_backend::packed_bytes(const matrix& w) const {
  if (w.layout != kernels::weight_layout::rows) return 0;
  const team_shares shares = shares_of_rows(w);
  std::size_t most = 0;
  for (std::uint32_t r = 0; r < exchange_.count(); ++r) {
    const auto own = part_of(w, shares, r, exchange_.memory());
    if (own && *own) most = std::max(most, exchange_.ranks()[r]->kernels().packed_bytes(*own));
  }
  return most;
}

status team_backend::pack(kernels::stream&, const kernels::pack_params& p) {
  const team_shares shares = shares_of_rows(p.from);
  return repeat(p.to, [&](std::uint32_t r, kernels::backend& k, kernels::stream& s) {
    const auto own = part_of(p.from, shares, r, exchange_.memory());
    if (!own) return status::invalid_shape;
    return *own ? k.pack(s, {*own, on(p.to, r)}) : status::ok;
  });
}

status team_backend::copy(kernels::stream&, const kernels::copy_params& p) {
  return repeat(p.to, [&](std::uint32_t r, kernels::backend& k, kernels::stream& s) {
    kernels::copy_params own = p;
    own.to = on(static_cast<std::byte*>(p.to), r);
    own.from = on(static_cast<const std::byte*>(p.from), r);
    return k.copy(s, own);
  });
}

status team_backend::embed(kernels::stream&, const kernels::embed_params& p) {
  return repeat(p.out, [&](std::uint32_t r, kernels::backend& k, kernels::stream& s) {
    return k.embed(s, {p.table, on(p.ids, r), on(p.out, r), p.rows});
  });
}

status team_backend::gather_rows(kernels::stream&, const kernels::gather_rows_params& p) {
  return repeat(p.out, [&](std::uint32_t r, kernels::backend& k, kernels::stream& s) {
    return k.gather_rows(s, {on(p.in, r), on(p.index, r), on(p.out, r), p.rows, p.cols});
  });
}

status team_backend::encode_rows(kernels::stream&, const kernels::encode_rows_params& p) {
  return repeat(p.out, [&](std::uint32_t r, kernels::backend& k, kernels::stream& s) {
    return k.encode_rows(s, {on(p.x, r), on(p.out, r), p.rows, p.cols});
  });
}

status team_backend::decode_rows(kernels::stream&, const kernels::decode_rows_params& p) {
  return repeat(some(p.out), [&](std::uint32_t r, kernels::backend& k, kernels::stream& s) {
    return k.decode_rows(s, {on(p.in, r), on(p.out, r), p.rows, p.cols});
  });
}

status team_backend::rms_norm(kernels::stream&, const kernels::rms_norm_params& p) {
  return repeat(some(p.out), [&](std::uint32_t r, kernels::backend& k, kernels::stream& s) {
    kernels::rms_norm_params own = p;
    own.x = on(p.x, r);
    own.weight = on(p.weight, r);
    own.out = on(p.out, r);
    return k.rms_norm(s, own);
  });
}

status team_backend::rope_table(kernels::stream&, const kernels::rope_table_params& p) {
  return repeat(p.table, [&](std::uint32_t r, kernels::backend& k, kernels::stream& s) {
    kernels::rope_table_params own = p;
    own.position = on(p.position, r);
    own.inv_freq = on(p.inv_freq, r);
    own.table = on(p.table, r);
    return k.rope_table(s, own);
  });
}

status team_backend::rope_and_store(kernels::stream&, const kernels::rope_and_store_params& p) {
  if (p.cache.kv_heads % exchange_.count() != 0 || p.heads % exchange_.count() != 0)
    return status::invalid_shape;
  return repeat(p.qkv, [&](std::uint32_t r, kernels::backend& k, kernels::stream& s) {
    kernels::rope_and_store_params own = p;
    own.qkv = on(p.qkv, r);
    own.q_norm = on(p.q_norm, r);
    own.k_norm = on(p.k_norm, r);
    own.table = on(p.table, r);
    own.cache = on(p.cache, r);
    own.where = on(p.where, r);
    own.heads = p.heads / exchange_.count();
    return k.rope_and_store(s, own);
  });
}

status team_backend::attention(kernels::stream&, const kernels::attention_params& p) {
  const std::uint32_t ranks = exchange_.count();
  if (p.cache.kv_heads % ranks != 0 || p.heads % ranks != 0) return status::invalid_shape;
  const std::uint32_t cols = p.heads / ranks * p.cache.head_dim;
  if (p.out.q8 != nullptr && cols % kernels::q8_group != 0) return status::unsupported;
  if (p.where.rows == 0) return status::ok;
  const auto held = exchange_.hold();
  if (const status s = exchange_.ready(); s != status::ok) return s;
  std::vector<tensor_share> columns;
  for (std::uint32_t r = 0; r < ranks; ++r) columns.push_back({r * cols, cols});
  const gathered_room room(p.out, columns, p.where.rows);
  std::byte* const scratch = exchange_.scratch(room.bytes());
  if (scratch == nullptr) return status::device_error;
  const status done = exchange_.each([&](std::uint32_t r, kernels::backend& k, kernels::stream& s) {
    kernels::attention_params own = p;
    own.qkv = on(p.qkv, r);
    own.cache = on(p.cache, r);
    own.where = on(p.where, r);
    own.out = on(room.mine(scratch, cols), r);
    own.heads = p.heads / ranks;
    own.workspace = on(p.workspace, r);
    return k.attention(s, own);
  });
  return done == status::ok ? room.gather(exchange_, scratch, p.out) : done;
}

status team_backend::route(kernels::stream&, const kernels::route_params& p) {
  return repeat(p.ids, [&](std::uint32_t r, kernels::backend& k, kernels::stream& s) {
    kernels::route_params own = p;
    own.logits = on(p.logits, r);
    own.ids = on(p.ids, r);
    own.weights = on(p.weights, r);
    return k.route(s, own);
  });
}

status team_backend::group(kernels::stream&, const kernels::group_params& p) {
  return repeat(p.slots, [&](std::uint32_t r, kernels::backend& k, kernels::stream& s) {
    kernels::group_params own = p;
    own.ids = on(p.ids, r);
    own.offsets = on(p.offsets, r);
    own.slots = on(p.slots, r);
    return k.group(s, own);
  });
}

status team_backend::sample(kernels::stream&, const kernels::sample_params& p) {
  return repeat(p.results, [&](std::uint32_t, kernels::backend& k, kernels::stream& s) {
    return k.sample(s, p);
  });
}

status team_backend::score(kernels::stream&, const kernels::score_params& p) {
  return repeat(p.results, [&](std::uint32_t, kernels::backend& k, kernels::stream& s) {
    return k.score(s, p);
  });
}

}  // namespace troupe
