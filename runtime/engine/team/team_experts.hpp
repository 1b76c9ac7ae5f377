#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <tuple>
#include <utility>
#include <vector>

#include "kernels/api/experts.hpp"
#include "runtime/engine/team/team_memory.hpp"
#include "runtime/engine/team/team_share.hpp"

namespace troupe {

/// A rank's part of a matrix: its share of the rows, or all of it where it is not divided. Packed,
/// it is what the rank packed. None where the share is empty.
[[nodiscard]] result<kernels::matrix> part_of(const kernels::matrix& w, const team_shares& shares,
                                              std::uint32_t rank, const team_memory& memory);

/// Experts as every rank sees them.
struct team_expert_parts {
  team_shares up, down;                                    ///< of the inner and the outer width
  std::vector<std::vector<kernels::expert_weights>> of{};  ///< by rank; empty parts are null
};

/// The ranks' parts of the experts that were asked for, kept for the next time: kernels read them
/// while a stream gets there. One thread at a time.
class team_experts {
 public:
  using keep_fn = std::function<void(std::shared_ptr<const team_expert_parts>)>;

  /// `later` keeps what it is given until the streams have passed what is submitted.
  team_experts(const team_memory& memory, std::uint32_t ranks, keep_fn later)
      : memory_(memory), ranks_(ranks), later_(std::move(later)) {}

  /// Of `count` experts, at least one; `in_groups`: what lies between up and down is wanted in
  /// groups of integers, which no share may straddle. Null where their matrices cannot be divided
  /// alike.
  [[nodiscard]] std::shared_ptr<const team_expert_parts> of(const kernels::expert_weights* experts,
                                                            std::uint32_t count, bool in_groups);

 private:
  struct known {
    std::vector<std::byte> source;  ///< the weights they were made of
    std::shared_ptr<const team_expert_parts> parts;
  };

  const team_memory& memory_;
  std::uint32_t ranks_;
  keep_fn later_;
  std::map<std::tuple<const void*, std::uint32_t, bool>, known> known_;
};

}  // namespace troupe
