#pragma once

#include <cstdint>
#include <vector>

#include "tests/kernels/support.hpp"

namespace troupe::kernels::test {

struct heads {
  std::uint32_t query;
  std::uint32_t kv;
  std::uint32_t dim;
};

/// A paged cache for some sequences, pages handed out in random order. It begins with every byte
/// `fill`; copies share the page tables.
class paged {
 public:
  paged(heads h, kv_type type, std::uint32_t page_size, std::uint32_t sequences,
        std::uint32_t positions, generator& random, std::uint8_t fill = 0);

  [[nodiscard]] kv_layer layer();
  [[nodiscard]] const std::int32_t* const* tables() const { return tables_.data(); }
  [[nodiscard]] std::vector<float>& keys() { return keys_; }
  [[nodiscard]] std::vector<float>& values() { return values_; }

 private:
  [[nodiscard]] std::size_t stride() const;

  heads heads_;
  kv_type type_;
  std::uint32_t page_size_;
  std::vector<std::vector<std::int32_t>> pages_;
  std::vector<const std::int32_t*> tables_;
  std::vector<float> keys_;
  std::vector<float> values_;
};

/// Floats of a row of q, k and v.
[[nodiscard]] std::size_t row_width(heads h);

/// Rows of one step, with their q, k, v and rotations.
struct step {
  std::vector<std::int32_t> positions;
  std::vector<std::uint32_t> sequences;
  std::vector<float> qkv;
  std::vector<float> table;

  [[nodiscard]] row_placement where(const paged& cache) const;
};

/// Rows `begin` up to `end` of one sequence.
struct run {
  std::uint32_t begin;
  std::uint32_t end;
};

/// A step of runs, one for each sequence, whose positions up to each run's end are in the cache;
/// everything else in there is NaN.
class attention_case {
 public:
  attention_case(heads h, kv_type type, std::uint32_t page_size, const std::vector<run>& runs,
                 generator& random);

  [[nodiscard]] std::uint32_t rows() const {
    return static_cast<std::uint32_t>(step_.positions.size());
  }
  [[nodiscard]] std::uint32_t cols() const { return heads_.query * heads_.dim; }

  /// Attention of rows `from` up to `to`, written to those rows of `out`.
  [[nodiscard]] attention_params params(owned_activation& out, std::uint32_t from,
                                        std::uint32_t to);

 private:
  heads heads_;
  paged cache_;
  step step_;
};

}  // namespace troupe::kernels::test
