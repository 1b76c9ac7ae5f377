#include "runtime/model/quantization.hpp"

#include <algorithm>
#include <cstdint>
#include <map>

#include "kernels/api/dtype.hpp"

namespace troupe {
namespace {

std::string_view word_for(kernels::dtype type) {
  switch (type) {
    case kernels::dtype::f32:
      return "fp32";
    case kernels::dtype::f16:
      return "fp16";
    case kernels::dtype::bf16:
      return "bf16";
    case kernels::dtype::f8_e4m3:
      return "fp8";
    case kernels::dtype::q8_0:
      return "int8";
    case kernels::dtype::q4_0:
    case kernels::dtype::q4_1:
    case kernels::dtype::q4_k:
      return "int4";
    case kernels::dtype::q6_k:
      break;
  }
  return "unknown";
}

}  // namespace

std::string_view quantization_of(const model_files& files) {
  std::map<std::string_view, double> weights;
  for (const tensor_listing& tensor : files.tensors()) {
    double count = 1;
    for (const std::uint64_t extent : tensor.shape) count *= static_cast<double>(extent);
    weights[word_for(tensor.type)] += count;
  }
  const auto most = std::ranges::max_element(weights, {}, [](const auto& w) { return w.second; });
  return most == weights.end() ? "unknown" : most->first;
}

}  // namespace troupe
