#include "cluster/stage_cuts.hpp"

#include <algorithm>
#include <cstdint>
#include <limits>

namespace troupe {
namespace {

constexpr double never = std::numeric_limits<double>::infinity();
/// Sums of the same costs in another order differ by less than this.
constexpr double rounding = 1 + 1e-9;

/// What a plan of the first `stages` slots over the first `layers` layers costs at best.
class cut_table {
 public:
  cut_table(std::span<const double> costs, std::span<const stage_slot> slots,
            const std::function<std::size_t(layer_range)>& bytes_of)
      : layers_(static_cast<std::uint32_t>(costs.size())), slots_(slots), sums_(layers_ + 1, 0) {
    for (std::uint32_t i = 0; i < layers_; ++i) sums_[i + 1] = sums_[i] + costs[i];
    bytes_.resize(std::size_t{layers_} * (layers_ + 1));
    for (std::uint32_t first = 0; first < layers_; ++first) {
      for (std::uint32_t last = first + 1; last <= layers_; ++last)
        bytes_[std::size_t{first} * (layers_ + 1) + last] = bytes_of({first, last});
    }
  }

  /// Time of a range in a slot; `never` where it does not fit.
  [[nodiscard]] double time(std::uint32_t first, std::uint32_t last, std::size_t slot) const {
    if (last - first < slots_[slot].layers || bytes(first, last) > slots_[slot].bytes) return never;
    return (sums_[last] - sums_[first]) / slots_[slot].speed;
  }

  /// Fills best(stages, layers) with join(best(stages - 1, first), time of the stage [first,
  /// layers)), smallest first; returns the whole's.
  template <class Join>
  double fill(const Join& join) {
    const std::size_t width = layers_ + 1;
    best_.assign((slots_.size() + 1) * width, never);
    from_.assign(best_.size(), 0);
    best_[0] = 0;
    for (std::size_t s = 1; s <= slots_.size(); ++s) {
      for (auto last = static_cast<std::uint32_t>(s); last <= layers_; ++last) {
        for (auto first = static_cast<std::uint32_t>(s - 1); first < last; ++first) {
          const double before = best_[(s - 1) * width + first];
          if (before == never) continue;
          const double now = join(before, time(first, last, s - 1));
          if (now >= best_[s * width + last]) continue;
          best_[s * width + last] = now;
          from_[s * width + last] = first;
        }
      }
    }
    return best_.back();
  }

  /// The cut that the last fill() found.
  [[nodiscard]] std::vector<layer_range> cut() const {
    std::vector<layer_range> stages(slots_.size());
    std::uint32_t last = layers_;
    for (std::size_t s = slots_.size(); s > 0; --s) {
      const std::uint32_t first = from_[s * (layers_ + 1) + last];
      stages[s - 1] = {first, last};
      last = first;
    }
    return stages;
  }

  [[nodiscard]] std::size_t bytes(std::uint32_t first, std::uint32_t last) const {
    return bytes_[std::size_t{first} * (layers_ + 1) + last];
  }

 private:
  std::uint32_t layers_;
  std::span<const stage_slot> slots_;
  std::vector<double> sums_;
  std::vector<std::size_t> bytes_;
  std::vector<double> best_;
  std::vector<std::uint32_t> from_;
};

}  // namespace

result<std::vector<layer_range>> cut_stages(
    std::span<const double> costs, std::span<const stage_slot> slots,
    const std::function<std::size_t(layer_range)>& bytes_of) {
  std::size_t fewest = 0;
  for (const stage_slot& s : slots) fewest += s.layers;
  if (slots.empty() || fewest > costs.size()) {
    return fail(errc::invalid_argument, "{} stages: a model of {} layers takes 1 to {}", fewest,
                costs.size(), costs.size());
  }
  cut_table table(costs, slots, bytes_of);
  const double slowest = table.fill([](double a, double b) { return std::max(a, b); });
  if (slowest == never) {
    const std::size_t roomiest = std::ranges::max(slots, {}, &stage_slot::bytes).bytes;
    for (std::uint32_t layer = 0; layer < costs.size(); ++layer) {
      if (const std::size_t b = table.bytes(layer, layer + 1); b > roomiest) {
        return fail(errc::out_of_memory, "layer {} takes {} bytes, no node has more than {}", layer,
                    b, roomiest);
      }
    }
    return fail(errc::out_of_memory, "no cut into {} stages fits the nodes", slots.size());
  }
  // As even as that allows: the least sum of squares among the cuts that are no slower.
  (void)table.fill([&](double a, double b) { return b > slowest * rounding ? never : a + b * b; });
  return table.cut();
}

}  // namespace troupe
