#include "runtime/transport/fault/fault_rules.hpp"

#include <algorithm>

namespace troupe {
namespace {

/// SplitMix64's finalizer: every bit of the result depends on every bit of x.
std::uint64_t mix(std::uint64_t x) {
  x += 0x9e3779b97f4a7c15U;
  x = (x ^ (x >> 30U)) * 0xbf58476d1ce4e5b9U;
  x = (x ^ (x >> 27U)) * 0x94d049bb133111ebU;
  return x ^ (x >> 31U);
}

/// Numbers between 0 and 1, drawn one after another from a key.
class draws {
 public:
  explicit draws(std::uint64_t key) : key_(key) {}
  double next() { return static_cast<double>(mix(key_ + ++count_) >> 11U) * 0x1p-53; }

 private:
  std::uint64_t key_;
  std::uint64_t count_ = 0;
};

}  // namespace

frame_fate fault_rules::decide(peer_id to, frame_kind kind) {
  draws random(mix(mix(mix(mix(seed_) ^ self_) ^ to) ^ frames_[to]++));
  frame_fate fate;
  for (auto& [rule, seen] : rules_) {
    // Drawn whether the rule matches or not: one rule does not change what another one decides.
    const double drop = random.next();
    const double duplicate = random.next();
    const double reorder = random.next();
    const double delay = random.next();
    if (rule.peer.value_or(to) != to || rule.kind.value_or(kind) != kind) continue;
    const std::uint64_t number = seen++;
    if (number < rule.after || number - rule.after >= rule.most) continue;
    fate.drop = fate.drop || drop < rule.drop;
    if (duplicate < rule.duplicate) fate.copies = 2;
    if (reorder < rule.reorder) fate.overtaken_by = std::max(fate.overtaken_by, rule.overtaken_by);
    const auto span = std::max(rule.delay_most - rule.delay_least, std::chrono::microseconds{0});
    fate.delay +=
        rule.delay_least + std::chrono::microseconds(static_cast<std::chrono::microseconds::rep>(
                               delay * static_cast<double>(span.count())));
  }
  return fate;
}

}  // namespace troupe
