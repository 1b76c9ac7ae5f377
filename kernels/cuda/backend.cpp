#include "kernels/cuda/backend.hpp"

#include <algorithm>
#include <utility>

#include "kernels/cuda/body/all.hpp"
#include "kernels/cuda/launch.hpp"
#include "kernels/cuda/validate.hpp"

namespace troupe::kernels::cuda {
namespace {

cuda::stream& queue(kernels::stream& s) { return static_cast<cuda::stream&>(s); }

/// Shared memory for block-wide reductions.
constexpr std::uint32_t small_room = reduction_slots * sizeof(ranked);

/// Weights that BF16 would round and that are not rounded already keep float32 throughout.
bool needs_f32(const matrix& w) { return w.type == dtype::f32 || w.type == dtype::f16; }

/// Rows from which the larger tile pays. It only says who computes what: the bits are the same.
constexpr std::uint32_t large_tile_rows = 33;

class cuda_backend final : public backend {
 public:
  explicit cuda_backend(std::string architecture) : architecture_(std::move(architecture)) {}

  [[nodiscard]] std::string target() const override { return architecture_; }

  [[nodiscard]] bool reads_integers() const override { return false; }
  [[nodiscard]] bool reads_at_call() const override { return false; }
  /// Weights are copied to the device as they are, behind FP8 its scales.
  [[nodiscard]] std::size_t packed_bytes(const matrix& w) const override {
    if (w.layout != weight_layout::rows) return 0;
    return scales_at(w) + scale_count(w) * sizeof(float);
  }
  status pack(kernels::stream& s, const pack_params& p) override;
  status copy(kernels::stream& s, const copy_params& p) override {
    if (const status shape = validate(p); shape != status::ok) return shape;
    return p.bytes == 0 || p.rows == 0 ? status::ok : queue(s).copy(p);
  }
  status embed(kernels::stream& s, const embed_params& p) override {
    return each_row<embed_kernel>(s, kernel_id::embed, p, p.rows, 0);
  }
  status gather_rows(kernels::stream& s, const gather_rows_params& p) override {
    return each_row<gather_rows_kernel>(s, kernel_id::gather_rows, p, p.rows, 0);
  }
  status encode_rows(kernels::stream& s, const encode_rows_params& p) override {
    return each_row<encode_rows_kernel>(s, kernel_id::encode_rows, p, p.rows, 0);
  }
  status decode_rows(kernels::stream& s, const decode_rows_params& p) override {
    return each_row<decode_rows_kernel>(s, kernel_id::decode_rows, p, p.rows, 0);
  }
  status rms_norm(kernels::stream& s, const rms_norm_params& p) override {
    return each_row<rms_norm_kernel>(s, kernel_id::rms_norm, p, p.rows, small_room);
  }
  status linear(kernels::stream& s, const linear_params& p) override;
  status projections(kernels::stream& s, const projections_params& p) override;
  status rope_table(kernels::stream& s, const rope_table_params& p) override {
    return each_row<rope_table_kernel>(s, kernel_id::rope_table, p, p.rows, 0);
  }
  status rope_and_store(kernels::stream& s, const rope_and_store_params& p) override {
    return each_row<rope_and_store_kernel>(s, kernel_id::rope_and_store, p, p.where.rows, 0);
  }
  status attention(kernels::stream& s, const attention_params& p) override;
  status route(kernels::stream& s, const route_params& p) override {
    return each_row<route_kernel>(s, kernel_id::route, p,
                                  ceil_divide(p.rows, route_kernel::rows_a_block), 0);
  }
  status group(kernels::stream& s, const group_params& p) override {
    return each_row<group_kernel>(s, kernel_id::group, p, std::max(p.count, 1U), small_room);
  }
  status expert_up(kernels::stream& s, const expert_up_params& p) override;
  status expert_down(kernels::stream& s, const expert_down_params& p) override;
  status combine(kernels::stream& s, const combine_params& p) override {
    return each_row<combine_kernel>(s, kernel_id::combine, p, p.rows, 0);
  }
  status sample(kernels::stream& s, const sample_params& p) override;
  status score(kernels::stream& s, const score_params& p) override {
    return each_row<score_kernel>(s, kernel_id::score, p, p.count, score_kernel::shared_bytes);
  }

 private:
  template <class Kernel>
  static status each_row(kernels::stream& s, kernel_id id, const typename Kernel::params& p,
                         std::uint32_t blocks, std::uint32_t shared) {
    if (const status shape = validate(p); shape != status::ok) return shape;
    if (blocks == 0) return status::ok;
    return queue(s).launch(id, {blocks, 1, 1, Kernel::threads, shared}, &p);
  }
  template <class Small, class Large>
  static status expert_tiles(kernels::stream& s, kernel_id small, kernel_id large,
                             const typename Small::params& p, std::uint32_t columns);
  /// Of the same rows; as few launches as their types allow.
  static status products(kernels::stream& s, const linear_work& all);
  template <class Kernel>
  static status launch_tiles(kernels::stream& s, kernel_id id, const linear_work& work);

  std::string architecture_;
};

status cuda_backend::pack(kernels::stream& s, const pack_params& p) {
  if (const status shape = validate(p); shape != status::ok) return shape;
  const status data = queue(s).copy({p.to, p.from.data, p.from.bytes()});
  if (data != status::ok || scale_count(p.from) == 0) return data;
  return queue(s).copy(
      {p.to + scales_at(p.from), p.from.scales, scale_count(p.from) * sizeof(float)});
}

status cuda_backend::linear(kernels::stream& s, const linear_params& p) {
  if (const status shape = validate(p); shape != status::ok) return shape;
  return products(s, {{p}, 1});
}

status cuda_backend::projections(kernels::stream& s, const projections_params& p) {
  if (const status shape = validate(p); shape != status::ok) return shape;
  linear_work all;
  float* y = p.y;
  for (std::uint32_t i = 0; i < projections_params::most; ++i) {
    if (!p.w[i]) continue;
    all.part[all.parts++] = {p.x, p.w[i], p.bias[i], nullptr, y, p.rows, p.y_stride};
    y += p.w[i].rows;
  }
  return products(s, all);
}

status cuda_backend::products(kernels::stream& s, const linear_work& all) {
  linear_work tiled;
  for (std::uint32_t i = 0; i < all.parts; ++i) {
    const linear_params& p = all.part[i];
    if (p.rows == 0) return status::ok;
    status done = queue(s).vendor_product(p);
    if (done == status::unsupported && needs_f32(p.w)) {
      const grid g{ceil_divide(p.w.rows, linear_f32_kernel::columns),
                   ceil_divide(p.rows, linear_f32_kernel::rows), 1, linear_f32_kernel::threads};
      done = queue(s).launch(kernel_id::linear_f32, g, &p);
    }
    if (done == status::unsupported)
      tiled.part[tiled.parts++] = p;
    else if (done != status::ok)
      return done;
  }
  if (tiled.parts == 0) return status::ok;
  return tiled.part[0].rows < large_tile_rows
             ? launch_tiles<linear_kernel<1>>(s, kernel_id::linear_16, tiled)
             : launch_tiles<linear_kernel<4>>(s, kernel_id::linear_64, tiled);
}

template <class Kernel>
status cuda_backend::launch_tiles(kernels::stream& s, kernel_id id, const linear_work& work) {
  using shape = typename Kernel::shape;
  std::uint32_t tiles = 0;
  for (std::uint32_t i = 0; i < work.parts; ++i)
    tiles += ceil_divide(work.part[i].w.rows, shape::columns);
  const grid g{tiles, ceil_divide(work.part[0].rows, shape::rows), 1, shape::threads,
               shape::shared_bytes};
  return queue(s).launch(id, g, &work);
}

status cuda_backend::attention(kernels::stream& s, const attention_params& p) {
  if (const status shape = validate(p); shape != status::ok) return shape;
  if (p.where.rows == 0) return status::ok;
  const std::uint32_t group = p.heads / p.cache.kv_heads;
  attention_work w;
  w.p = p;
  w.row_tile = std::max(attention_queries / group, 1U);
  w.head_chunks = ceil_divide(group, attention_queries);
  const std::uint32_t tiles = ceil_divide(p.where.rows, w.row_tile);
  const std::uint32_t blocks = tiles * p.cache.kv_heads * w.head_chunks;
  constexpr std::size_t counters = attention_counters * sizeof(std::uint32_t);
  if (p.workspace != nullptr && p.workspace_bytes > counters) {
    w.partials = reinterpret_cast<float*>(p.workspace + counters);
    w.room_of_row = (p.workspace_bytes - counters) / sizeof(float) / p.where.rows;
    // Enough blocks to fill the device four times over.
    w.splits = std::clamp(ceil_divide(queue(s).processors() * 4, blocks), 1U, 64U);
  }
  const auto submit = [&]<class Kernel>(kernel_id id, Kernel) {
    return queue(s).launch(
        id,
        {tiles, p.cache.kv_heads * w.head_chunks, w.splits, Kernel::threads, Kernel::shared_bytes},
        &w);
  };
  using usual = attention_kernel<1>;
  const status done = p.cache.head_dim <= usual::most_dim
                          ? submit(kernel_id::attention, usual())
                          : submit(kernel_id::attention_wide, attention_kernel<2>());
  if (done != status::ok || w.splits == 1) return done;
  return queue(s).launch(kernel_id::attention_merge,
                         {p.where.rows, p.heads, 1, attention_merge_kernel::threads}, &w);
}

template <class Small, class Large>
status cuda_backend::expert_tiles(kernels::stream& s, kernel_id small, kernel_id large,
                                  const typename Small::params& p, std::uint32_t columns) {
  const std::uint32_t slots = p.rows * p.top_k;
  const auto submit = [&]<class Shape>(kernel_id id, Shape) {
    // As many tiles as there may be: an expert's last one is seldom full.
    const std::uint32_t tiles = slots / Shape::rows + std::min(p.expert_count, slots);
    return queue(s).launch(
        id, {ceil_divide(columns, Shape::columns), tiles, 1, Shape::threads, Shape::shared_bytes},
        &p);
  };
  // Rows of one expert, if they were spread evenly.
  return slots / p.expert_count < large_tile_rows ? submit(small, typename Small::shape())
                                                  : submit(large, typename Large::shape());
}

status cuda_backend::expert_up(kernels::stream& s, const expert_up_params& p) {
  if (const status shape = validate(p); shape != status::ok) return shape;
  if (p.expert_count == 0 || p.rows == 0) return status::ok;
  return expert_tiles<expert_up_kernel<1>, expert_up_kernel<4>>(
      s, kernel_id::expert_up_16, kernel_id::expert_up_64, p, p.experts[0].gate.rows);
}

status cuda_backend::expert_down(kernels::stream& s, const expert_down_params& p) {
  if (const status shape = validate(p); shape != status::ok) return shape;
  if (p.expert_count == 0 || p.rows == 0) return status::ok;
  return expert_tiles<expert_down_kernel<1>, expert_down_kernel<4>>(
      s, kernel_id::expert_down_16, kernel_id::expert_down_64, p, p.experts[0].down.rows);
}

status cuda_backend::sample(kernels::stream& s, const sample_params& p) {
  if (const status shape = validate(p); shape != status::ok) return shape;
  // Rows at a time, so that their working memory has a bound.
  constexpr std::uint32_t most_rows = 64;
  const std::uint32_t rows = std::min(p.count, most_rows);
  const std::size_t cells = std::size_t{rows} * p.vocab;
  if (rows == 0) return status::ok;
  std::byte* room = queue(s).scratch(cells * (sizeof(float) + sizeof(std::uint32_t)));
  if (room == nullptr) return status::device_error;
  for (std::uint32_t first = 0; first < p.count; first += rows) {
    const std::uint32_t count = std::min(rows, p.count - first);
    const sample_work w{{p.logits + std::size_t{first} * p.vocab, p.rows + first, p.results + first,
                         count, p.vocab},
                        reinterpret_cast<float*>(room),
                        reinterpret_cast<std::uint32_t*>(room + cells * sizeof(float))};
    const status done = queue(s).launch(
        kernel_id::sample, {count, 1, 1, sample_kernel::threads, sample_kernel::shared_bytes}, &w);
    if (done != status::ok) return done;
  }
  return status::ok;
}

}  // namespace

std::unique_ptr<backend> make_cuda_backend(std::string architecture) {
  return std::make_unique<cuda_backend>(std::move(architecture));
}

}  // namespace troupe::kernels::cuda
