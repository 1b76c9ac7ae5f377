#include "runtime/device/device_profile.hpp"

#include <algorithm>
#include <functional>

namespace troupe {

double device_profile::seconds() const {
  double total = handover_seconds + starved_seconds + step_gap_seconds;
  for (const operation_profile& o : operations) total += o.seconds;
  return total;
}

void device_profile::add(const device_profile& more) {
  for (const operation_profile& o : more.operations) {
    const auto known = std::ranges::find(operations, o.operation, &operation_profile::operation);
    if (known == operations.end()) {
      operations.push_back(o);
      continue;
    }
    known->calls += o.calls;
    known->seconds += o.seconds;
    known->bytes += o.bytes;
    known->operations += o.operations;
  }
  std::ranges::sort(operations, std::greater(), &operation_profile::seconds);
  steps += more.steps;
  handover_seconds += more.handover_seconds;
  starved_seconds += more.starved_seconds;
  step_gap_seconds += more.step_gap_seconds;
  imbalance_seconds += more.imbalance_seconds;
}

}  // namespace troupe
