#include "runtime/model/weight_store.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <cstring>
#include <string>
#include <vector>

#include "runtime/model/float_vector.hpp"
#include "tests/support/gguf_writer.hpp"

namespace troupe {
namespace {

using kernels::dtype;

stored_tensor make(std::string name, dtype type, std::vector<std::uint64_t> shape,
                   std::string_view data) {
  return {std::move(name), type, std::move(shape), test::as_bytes(data)};
}

TEST_CASE("FP8 scales in BF16 become float32, ragged edges included") {
  const std::string weights(130 * 200, '\x38');
  std::string scales;
  for (const std::uint16_t bits : {0x3F80, 0x4000, 0x4040, 0x4080})
    scales += test::bytes_of<std::uint16_t>(bits);
  tensor_table tensors;
  REQUIRE(tensors.add(make("w.weight", dtype::f8_e4m3, {130, 200}, weights)));
  weight_store store;
  CHECK(store.matrix(tensors, {"w.weight", {}}, 130, 200, 0).error().message() ==
        "tensor 'w.weight' is F8_E4M3 without block scales: 'w.weight_scale_inv' is missing");
  REQUIRE(tensors.add(make("w.weight_scale_inv", dtype::bf16, {2, 2}, scales)));
  const auto matrix = store.matrix(tensors, {"w.weight", {}}, 130, 200, 0);
  REQUIRE(matrix);
  CHECK(std::vector<float>(matrix->scales, matrix->scales + 4) == std::vector<float>{1, 2, 3, 4});
}

TEST_CASE("scales of another shape are refused") {
  const std::string weights(128 * 129, '\0');
  const std::string scales(4, '\0');
  tensor_table tensors;
  REQUIRE(tensors.add(make("w.weight", dtype::f8_e4m3, {128, 129}, weights)));
  REQUIRE(tensors.add(make("w.weight_scale_inv", dtype::f32, {1, 1}, scales)));
  weight_store store;
  CHECK(store.matrix(tensors, {"w.weight", {}}, 128, 129, 0).error().message() ==
        "tensor 'w.weight_scale_inv' has the shape [1, 1], must be [1, 2]");
}

TEST_CASE("scales that are not aligned are copied") {
  const std::string weights(4, '\0');
  std::vector<float> aligned(2);
  char* const odd = reinterpret_cast<char*>(aligned.data()) + 1;
  const float scale = 0.75F;
  std::memcpy(odd, &scale, sizeof(scale));
  tensor_table tensors;
  REQUIRE(tensors.add(make("w.weight", dtype::f8_e4m3, {2, 2}, weights)));
  REQUIRE(tensors.add(make("w.weight_scale_inv", dtype::f32, {1, 1}, {odd, 4})));
  weight_store store;
  const auto matrix = store.matrix(tensors, {"w.weight", {}}, 2, 2, 0);
  REQUIRE(matrix);
  CHECK(*matrix->scales == 0.75F);
}

TEST_CASE("half-precision vectors convert exactly") {
  const std::vector<std::uint16_t> bits = {0x0000, 0x8000, 0x3C00, 0x3555, 0x0001,
                                           0x03FF, 0x7BFF, 0xFC00, 0x0400};
  const std::string_view data(reinterpret_cast<const char*>(bits.data()), bits.size() * 2);
  const auto floats = to_floats(make("n", dtype::f16, {9}, data), 9);
  REQUIRE(floats);
  CHECK(*floats == std::vector<float>{0.0F, -0.0F, 1.0F, 0.333251953125F, 5.9604644775390625e-8F,
                                      6.097555160522461e-5F, 65504.0F, -HUGE_VALF,
                                      6.103515625e-5F});
  CHECK(to_floats(make("n", dtype::f16, {9}, data), 8).error().message() ==
        "tensor 'n' has the shape [9], must be [8]");
  const std::string blocks(34, '\0');
  CHECK(to_floats(make("n", dtype::q8_0, {32}, blocks), 32).error().code() == errc::unsupported);
}

}  // namespace
}  // namespace troupe
