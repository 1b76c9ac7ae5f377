#pragma once

#include <memory>

#include "kernels/api/backend.hpp"

namespace troupe::kernels::cpu {

/// The CPU's operations, with the instruction set of cpu::target(). The streams given to it must be
/// cpu::stream objects, whose workers have `worker_scratch_bytes` of scratch each.
///
/// Every operation checks its shapes (status::invalid_shape) and types (status::unsupported) before
/// it submits anything. It keeps no state, so any thread may call it.
[[nodiscard]] std::unique_ptr<backend> make_cpu_backend();

}  // namespace troupe::kernels::cpu
