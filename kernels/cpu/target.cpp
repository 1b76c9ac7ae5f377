#include "kernels/cpu/target.hpp"

#include <cstdint>

#include "hwy/highway.h"

namespace troupe::kernels::cpu {
namespace {

std::int64_t usable() {
  // The fallback is compiled in always and runs everywhere, but Highway reports it only where
  // nothing better is found.
  constexpr std::int64_t fallback = HWY_TARGETS & (HWY_SCALAR | HWY_EMU128);
  // Asked once, as asking undoes an earlier choice.
  static const std::int64_t detected = hwy::SupportedTargets();
  return (detected & HWY_TARGETS) | fallback;
}

template <class Visit>
void each_target(std::int64_t set, const Visit& visit) {
  for (; set != 0; set &= set - 1) visit(set & -set);
}

}  // namespace

std::vector<std::string> supported_targets() {
  std::vector<std::string> names;
  // Lower bits are better targets.
  each_target(usable(), [&](std::int64_t bit) { names.emplace_back(hwy::TargetName(bit)); });
  return names;
}

std::string target() {
  const std::int64_t all = usable();
  hwy::ChosenTarget& chosen = hwy::GetChosenTarget();
  if (!chosen.IsInitialized()) chosen.Update(all);
  // Entry 0 of a dispatch table stands for "not chosen yet"; the others follow the bits.
  const std::size_t index = chosen.GetIndex();
  std::string name;
  each_target(all, [&](std::int64_t bit) {
    hwy::ChosenTarget probe;
    probe.Update(bit);
    if (probe.GetIndex() == index) name = hwy::TargetName(bit);
  });
  return name;
}

bool set_target(std::string_view name) {
  bool found = false;
  each_target(usable(), [&](std::int64_t bit) {
    if (name != hwy::TargetName(bit)) return;
    hwy::GetChosenTarget().Update(bit);
    found = true;
  });
  return found;
}

}  // namespace troupe::kernels::cpu
