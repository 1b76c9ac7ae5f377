#include "runtime/formats/gguf_types.hpp"

#include <fmt/format.h>

#include <array>
#include <string_view>

namespace troupe {

std::optional<kernels::dtype> from_gguf_tensor_type(std::uint32_t number) {
  switch (number) {
    case 0:
      return kernels::dtype::f32;
    case 1:
      return kernels::dtype::f16;
    case 2:
      return kernels::dtype::q4_0;
    case 3:
      return kernels::dtype::q4_1;
    case 8:
      return kernels::dtype::q8_0;
    case 12:
      return kernels::dtype::q4_k;
    case 14:
      return kernels::dtype::q6_k;
    case 30:
      return kernels::dtype::bf16;
    default:
      return std::nullopt;
  }
}

std::string gguf_tensor_type_name(std::uint32_t number) {
  // Empty where the specification has withdrawn a number.
  constexpr std::array<std::string_view, 40> names = {
      "F32",     "F16",    "Q4_0",    "Q4_1",  "",       "",      "Q5_0",  "Q5_1",
      "Q8_0",    "Q8_1",   "Q2_K",    "Q3_K",  "Q4_K",   "Q5_K",  "Q6_K",  "Q8_K",
      "IQ2_XXS", "IQ2_XS", "IQ3_XXS", "IQ1_S", "IQ4_NL", "IQ3_S", "IQ2_S", "IQ4_XS",
      "I8",      "I16",    "I32",     "I64",   "F64",    "IQ1_M", "BF16",  "",
      "",        "",       "TQ1_0",   "TQ2_0", "",       "",      "",      "MXFP4"};
  if (number < names.size() && !names[number].empty()) return std::string(names[number]);
  return fmt::format("type {}", number);
}

}  // namespace troupe
