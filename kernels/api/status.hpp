#pragma once

#include <cstdint>

namespace troupe::kernels {

/// Outcome of submitting an operation. Errors of the arithmetic itself surface when the stream is
/// waited for, as on any asynchronous device.
enum class [[nodiscard]] status : std::uint8_t{ok, unsupported, invalid_shape, device_error};

}  // namespace troupe::kernels
