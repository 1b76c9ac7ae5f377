#pragma once

#include <memory>
#include <string>

#include "kernels/api/backend.hpp"

namespace troupe::kernels::cuda {

/// A GPU's operations. The streams given to it must be cuda::stream objects; `architecture` is
/// theirs. Activations are float32; integer ones are refused. Products round both sides to BF16 and
/// sum in float32, but for dense weights of float32 and float16, which stay as they are.
///
/// Every operation checks its shapes and types before it submits anything. It keeps no state, so
/// any thread may call it.
[[nodiscard]] std::unique_ptr<backend> make_cuda_backend(std::string architecture);

}  // namespace troupe::kernels::cuda
