#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <tuple>
#include <utility>

#include "runtime/device/batch_buckets.hpp"
#include "runtime/device/device.hpp"

namespace troupe {

/// Pieces of a step's work that a device has recorded, by what they are and for how many rows: made
/// when first needed, submitted as one from then on. One thread at a time.
///
/// A piece must be the same work at the same addresses every time: nothing in it may depend on the
/// step but the number of rows.
class recordings {
 public:
  /// For steps of at most `rows` rows, where the device records as many.
  recordings(device& d, std::uint32_t rows)
      : device_(d), buckets_(std::min(rows, d.recorded_rows())) {}

  /// For how many rows a step of `rows` is recorded; none where it is not.
  [[nodiscard]] std::optional<std::uint32_t> rows_for(std::uint32_t rows) const {
    return rows <= device_.recorded_rows() ? buckets_.of(rows) : std::nullopt;
  }

  /// What a piece is. The addresses tell its users apart where it has several.
  struct key {
    std::uint32_t kind = 0;  ///< the caller's number for it
    std::uint32_t layer = 0;
    std::uint32_t rows = 0;
    std::array<const void*, 3> addresses = {};
    friend bool operator<(const key& a, const key& b) {
      return std::tie(a.kind, a.layer, a.rows, a.addresses) <
             std::tie(b.kind, b.layer, b.rows, b.addresses);
    }
  };

  /// Submits `work(stream)` as a recording. Where none can be made it is submitted as it is, and
  /// not tried again.
  template <class Work>
  kernels::status submit(const key& which, const Work& work) {
    const auto [place, added] = made_.try_emplace(which);
    if (added) {
      if (auto recorded = device_.record(work)) place->second = std::move(*recorded);
    }
    return place->second == nullptr ? work(device_.stream()) : place->second->replay();
  }

 private:
  device& device_;
  batch_buckets buckets_;
  std::map<key, std::unique_ptr<recorded_work>> made_;
};

}  // namespace troupe
