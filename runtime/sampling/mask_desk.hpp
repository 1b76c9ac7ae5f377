#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "runtime/sampling/token_masks.hpp"

namespace troupe {

/// Brings masks together with their steps, which come from elsewhere apart and in either order. It
/// remembers so many steps: masks of older ones are given up, and those steps computed again in the
/// next epoch. Any thread.
class mask_desk {
 public:
  explicit mask_desk(std::size_t steps = 64) : most_(steps) {}

  /// A step has come whose masks have not, or have already. Of an epoch that is over: given up.
  void expect(std::uint64_t epoch, std::uint64_t step, const std::shared_ptr<token_masks>& masks);
  /// Masks have come, published. Of an epoch that is over: ignored.
  void take(std::uint64_t epoch, std::uint64_t step, std::shared_ptr<const token_masks> masks);
  /// Nothing of an epoch before this one comes any more.
  void begin(std::uint64_t epoch);
  /// Nothing comes any more at all.
  void end();

 private:
  struct entry {
    std::vector<std::weak_ptr<token_masks>> waiting;
    std::shared_ptr<const token_masks> came;
  };
  using entries = std::map<std::uint64_t, entry>;  ///< by step

  [[nodiscard]] entry& entry_of(std::uint64_t step);
  static void give_up(const entry& e);
  void forget_all();

  std::size_t most_;
  std::mutex mutex_;
  std::uint64_t epoch_ = 0;
  bool ended_ = false;
  entries entries_;
};

}  // namespace troupe
