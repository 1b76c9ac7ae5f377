#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "runtime/engine/team/team_exchange.hpp"
#include "runtime/engine/tensor_share.hpp"

namespace troupe {

/// Room in scratch for rows of which each rank computes its own columns, in the forms that are
/// asked for: first a rank's own, form by form, then what is gathered.
class gathered_room {
 public:
  /// `columns`: by rank; of whole groups where `to` has integers.
  gathered_room(const kernels::activation& to, std::span<const tensor_share> columns,
                std::uint32_t rows)
      : rows_(rows), cols_(to.cols) {
    for (const tensor_share& c : columns) {
      if (to.f32 != nullptr) add(f32_, c, c.count * sizeof(float), sizeof(float), 1);
      if (to.q8 != nullptr)
        add(q8_, c, kernels::q8_row_bytes(c.count), sizeof(kernels::q8_block), kernels::q8_group);
    }
    q8_at_ = rows * f32_.widest;
    all_at_ = q8_at_ + rows * q8_.widest;
  }

  [[nodiscard]] std::size_t bytes() const {
    return all_at_ + rows_ * std::max(f32_.widest, q8_.widest) * columns();
  }
  /// Where a rank writes its `cols` columns, by rank 0's addresses.
  [[nodiscard]] kernels::activation mine(std::byte* scratch, std::uint32_t cols) const {
    return {f32_.widest == 0 ? nullptr : reinterpret_cast<float*>(scratch),
            q8_.widest == 0 ? nullptr : scratch + q8_at_, cols};
  }
  /// Brings them together in `to`.
  kernels::status gather(team_exchange& exchange, std::byte* scratch,
                         const kernels::activation& to) const {
    if (f32_.widest > 0) {
      const kernels::status done =
          exchange.gather(scratch, f32_.strides, scratch + all_at_, f32_.spans, rows_,
                          reinterpret_cast<std::byte*>(to.f32), std::size_t{cols_} * sizeof(float));
      if (done != kernels::status::ok) return done;
    }
    if (q8_.widest == 0) return kernels::status::ok;
    return exchange.gather(scratch + q8_at_, q8_.strides, scratch + all_at_, q8_.spans, rows_,
                           to.q8, kernels::q8_row_bytes(cols_));
  }

 private:
  struct form {
    std::vector<column_span> spans;
    std::vector<std::size_t> strides;
    std::size_t widest = 0;  ///< of a row of a rank; 0: not asked for
  };

  [[nodiscard]] std::size_t columns() const {
    return std::max(f32_.strides.size(), q8_.strides.size());
  }
  static void add(form& f, const tensor_share& c, std::size_t stride, std::size_t unit_bytes,
                  std::uint32_t unit) {
    f.spans.push_back({c.first / unit * unit_bytes, c.count / unit * unit_bytes});
    f.strides.push_back(stride);
    f.widest = std::max(f.widest, stride);
  }

  std::uint32_t rows_;
  std::uint32_t cols_;
  form f32_, q8_;
  std::size_t q8_at_ = 0;
  std::size_t all_at_ = 0;
};

}  // namespace troupe
