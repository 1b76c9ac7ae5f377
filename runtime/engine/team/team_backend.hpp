#pragma once

#include <memory>
#include <string>
#include <vector>

#include "kernels/api/backend.hpp"
#include "runtime/engine/team/team_exchange.hpp"
#include "runtime/engine/team/team_experts.hpp"

namespace troupe {

/// The operations of a team: the ranks do each together, K never divided, so that every number has
/// the bits that one rank gives it.
///
/// What is cheap for each row every rank does on its own copies. Divided are the outputs of
/// products, and attention by KV heads with the query heads that belong to them. What lies outside
/// of the team's memory is the same for every rank, and written by one.
///
/// Two kinds of tensors stay divided, and only their readers know: qkv, from projections() to
/// attention(), where each rank has the heads that it attends with, side by side; and the outputs
/// of expert_down(), where each rank has its columns in place, until combine() or
/// device::complete_rows().
class team_backend final : public kernels::backend {
 public:
  /// Borrows what is shared with the device.
  explicit team_backend(team_exchange& exchange);

  [[nodiscard]] std::string target() const override;
  [[nodiscard]] bool reads_integers() const override;
  [[nodiscard]] bool reads_at_call() const override;
  /// Of a rank's share, the largest.
  [[nodiscard]] std::size_t packed_bytes(const kernels::matrix& w) const override;
  /// Each rank packs its share. The packed matrix keeps the shape of the whole.
  kernels::status pack(kernels::stream& s, const kernels::pack_params& p) override;

  kernels::status copy(kernels::stream& s, const kernels::copy_params& p) override;
  kernels::status embed(kernels::stream& s, const kernels::embed_params& p) override;
  kernels::status gather_rows(kernels::stream& s, const kernels::gather_rows_params& p) override;
  kernels::status encode_rows(kernels::stream& s, const kernels::encode_rows_params& p) override;
  kernels::status decode_rows(kernels::stream& s, const kernels::decode_rows_params& p) override;
  kernels::status rms_norm(kernels::stream& s, const kernels::rms_norm_params& p) override;
  kernels::status linear(kernels::stream& s, const kernels::linear_params& p) override;
  kernels::status projections(kernels::stream& s, const kernels::projections_params& p) override;
  kernels::status rope_table(kernels::stream& s, const kernels::rope_table_params& p) override;
  kernels::status rope_and_store(kernels::stream& s,
                                 const kernels::rope_and_store_params& p) override;
  kernels::status attention(kernels::stream& s, const kernels::attention_params& p) override;
  kernels::status route(kernels::stream& s, const kernels::route_params& p) override;
  kernels::status group(kernels::stream& s, const kernels::group_params& p) override;
  kernels::status expert_up(kernels::stream& s, const kernels::expert_up_params& p) override;
  kernels::status expert_down(kernels::stream& s, const kernels::expert_down_params& p) override;
  kernels::status combine(kernels::stream& s, const kernels::combine_params& p) override;
  kernels::status sample(kernels::stream& s, const kernels::sample_params& p) override;
  kernels::status score(kernels::stream& s, const kernels::score_params& p) override;

  /// Makes outputs of expert_down() whole on every rank.
  kernels::status complete_rows(float* rows, std::uint32_t count, std::uint32_t cols);

 private:
  template <class T>
  [[nodiscard]] T* on(T* at, std::uint32_t rank) const {
    return exchange_.memory().on(at, rank);
  }
  [[nodiscard]] kernels::activation on(const kernels::activation& x, std::uint32_t rank) const {
    return {on(x.f32, rank), on(x.q8, rank), x.cols};
  }
  [[nodiscard]] kernels::row_placement on(const kernels::row_placement& w,
                                          std::uint32_t rank) const {
    return {on(w.position, rank), on(w.sequence, rank), on(w.page_tables, rank), w.rows};
  }
  [[nodiscard]] kernels::kv_layer on(const kernels::kv_layer& whole, std::uint32_t rank) const;
  [[nodiscard]] team_shares shares_of_rows(const kernels::matrix& w) const;

  /// Submits f(rank, kernels, stream) everywhere; on rank 0 alone where `out`, what it writes, is
  /// no memory of the team.
  template <class F>
  kernels::status repeat(const void* out, const F& f);
  /// A product of which each rank does its share in place; then the columns are made whole.
  kernels::status product(const kernels::linear_params& p, const team_shares& shares);
  kernels::status project_apart(const kernels::projections_params& p);

  team_exchange& exchange_;
  team_experts experts_;
};

}  // namespace troupe
