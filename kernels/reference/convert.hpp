#pragma once

#include <cstdint>

namespace troupe::kernels::reference {

/// IEEE 754 binary16 to binary32, exact.
[[nodiscard]] float from_f16(std::uint16_t bits);
/// binary32 to binary16, to nearest, ties to even; too large becomes infinity.
[[nodiscard]] std::uint16_t to_f16(float value);
[[nodiscard]] float from_bf16(std::uint16_t bits);
/// FP8 e4m3 of the OCP specification: no infinities, 0x7f and 0xff are NaN.
[[nodiscard]] float from_f8_e4m3(std::uint8_t bits);

}  // namespace troupe::kernels::reference
