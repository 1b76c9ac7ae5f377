#include "runtime/model/float_vector.hpp"

#include <bit>
#include <cmath>
#include <cstring>

namespace troupe {
namespace {

float from_bf16(std::uint16_t bits) { return std::bit_cast<float>(std::uint32_t{bits} << 16U); }

float from_f16(std::uint16_t bits) {
  const std::uint32_t sign = (bits & 0x8000U) << 16U;
  const std::uint32_t exponent = (bits >> 10U) & 0x1FU;
  const std::uint32_t mantissa = bits & 0x3FFU;
  if (exponent == 0) {  // zero or subnormal: mantissa * 2^-24
    const float magnitude = std::ldexp(static_cast<float>(mantissa), -24);
    return sign == 0 ? magnitude : -magnitude;
  }
  const std::uint32_t wide = exponent == 0x1FU ? 0xFFU : exponent + 112U;
  return std::bit_cast<float>(sign | (wide << 23U) | (mantissa << 13U));
}

template <class Stored, class Convert>
std::vector<float> convert_all(std::span<const std::byte> data, Convert convert) {
  std::vector<float> out(data.size() / sizeof(Stored));
  for (std::size_t i = 0; i < out.size(); ++i) {
    Stored element;
    std::memcpy(&element, data.data() + i * sizeof(Stored), sizeof(Stored));
    out[i] = convert(element);
  }
  return out;
}

}  // namespace

result<std::vector<float>> to_floats(const stored_tensor& tensor) {
  switch (tensor.type) {
    case kernels::dtype::f32:
      return convert_all<float>(tensor.data, [](float f) { return f; });
    case kernels::dtype::f16:
      return convert_all<std::uint16_t>(tensor.data, from_f16);
    case kernels::dtype::bf16:
      return convert_all<std::uint16_t>(tensor.data, from_bf16);
    default:
      return fail(errc::unsupported, "tensor '{}' is {}, must be F32, F16 or BF16", tensor.name,
                  kernels::info(tensor.type).name);
  }
}

result<std::vector<float>> to_floats(const stored_tensor& tensor, std::uint64_t length) {
  if (tensor.shape.size() != 1 || tensor.shape[0] != length)
    return fail(errc::corrupt, "tensor '{}' has the shape {}, must be [{}]", tensor.name,
                to_string(tensor.shape), length);
  return to_floats(tensor);
}

}  // namespace troupe
