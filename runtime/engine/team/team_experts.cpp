#include "runtime/engine/team/team_experts.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

namespace troupe {
namespace {

using kernels::expert_weights;
using kernels::matrix;

/// Sets of experts that are kept: more than any placement has; weights that have gone make way.
constexpr std::size_t most_known = 4096;

/// The shares of one width, of matrices of several types: the coarsest unit of any. Packed ones
/// have been divided already, by their own types.
class common_shares {
 public:
  explicit common_shares(std::uint32_t least) : least_(least) {}
  void add(const matrix& w) { least_ = std::max(least_, least_unit(w.type)); }
  [[nodiscard]] team_shares of(std::uint32_t width, std::uint32_t ranks) const {
    return shares_of(width, least_, ranks);
  }

 private:
  std::uint32_t least_;
};

bool fits(const matrix& w, const team_shares& shares) {
  const auto ranks = static_cast<std::uint32_t>(shares.of.size());
  if (w.rows != shares.of.back().first + shares.of.back().count) return false;
  return w.layout == kernels::weight_layout::rows ||
         shares_of(w.rows, least_unit(w.type), ranks).divided == shares.divided;
}

std::shared_ptr<const team_expert_parts> divide(const expert_weights* experts, std::uint32_t count,
                                                std::uint32_t ranks, std::uint32_t least,
                                                const team_memory& memory) {
  common_shares up(least);
  common_shares down(1);
  for (std::uint32_t e = 0; e < count; ++e) {
    up.add(experts[e].gate);
    up.add(experts[e].up);
    down.add(experts[e].down);
  }
  auto made = std::make_shared<team_expert_parts>();
  made->up = up.of(experts[0].gate.rows, ranks);
  made->down = down.of(experts[0].down.rows, ranks);
  made->of.resize(ranks);
  for (std::uint32_t r = 0; r < ranks; ++r) {
    for (std::uint32_t e = 0; e < count; ++e) {
      const expert_weights& w = experts[e];
      if (!fits(w.gate, made->up) || !fits(w.up, made->up) || !fits(w.down, made->down))
        return nullptr;
      const auto gate = part_of(w.gate, made->up, r, memory);
      const auto up_part = part_of(w.up, made->up, r, memory);
      const auto down_part = part_of(w.down, made->down, r, memory);
      if (!gate || !up_part || !down_part) return nullptr;
      made->of[r].push_back({*gate, *up_part, *down_part});
    }
  }
  return made;
}

/// Whether the ranks' copies of packed weights are still where they were: each set is packed in one
/// piece, so that its first expert tells.
bool in_place(const team_expert_parts& parts, const expert_weights& first,
              const team_memory& memory) {
  for (std::uint32_t r = 0; r < parts.of.size(); ++r) {
    const expert_weights& own = parts.of[r].front();
    const auto moved = [&](const matrix& w, const matrix& part, const team_shares& shares) {
      const auto now = part_of(w, shares, r, memory);
      return !now || now->data != part.data;
    };
    if (moved(first.gate, own.gate, parts.up) || moved(first.up, own.up, parts.up) ||
        moved(first.down, own.down, parts.down))
      return false;
  }
  return true;
}

}  // namespace

result<matrix> part_of(const matrix& w, const team_shares& shares, std::uint32_t rank,
                       const team_memory& memory) {
  const tensor_share& share = shares.of[rank];
  if (share.count == 0) return matrix{};
  matrix own = w;
  if (w.layout == kernels::weight_layout::tiles) {
    own.rows = share.count;
  } else {
    auto rows = rows_of(w, share);
    if (!rows) return fail(std::move(rows.error()));
    own = *rows;
  }
  own.data = memory.on(own.data, rank);
  return own;
}

std::shared_ptr<const team_expert_parts> team_experts::of(const expert_weights* experts,
                                                          std::uint32_t count, bool in_groups) {
  const std::size_t bytes = count * sizeof(expert_weights);
  const auto at = known_.find({experts, count, in_groups});
  if (at != known_.end()) {
    // Other weights may lie where some lay that have gone.
    if (std::memcmp(at->second.source.data(), experts, bytes) == 0 &&
        in_place(*at->second.parts, experts[0], memory_))
      return at->second.parts;
    later_(std::move(at->second.parts));
    known_.erase(at);
  }
  if (known_.size() >= most_known) {
    for (auto& [place, old] : known_) later_(std::move(old.parts));
    known_.clear();
  }
  // Weights that are wanted so and are divided finer were never packed: they have both shares.
  auto made = divide(experts, count, ranks_, in_groups ? kernels::q8_group : 1, memory_);
  if (made == nullptr) return nullptr;
  std::vector<std::byte> source(bytes);
  std::memcpy(source.data(), experts, bytes);
  known_[{experts, count, in_groups}] = {std::move(source), made};
  return made;
}

}  // namespace troupe
