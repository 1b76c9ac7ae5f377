#include <doctest/doctest.h>

#include <bit>
#include <cmath>
#include <cstring>
#include <fstream>
#include <map>
#include <string>
#include <vector>

#include "kernels/reference/convert.hpp"
#include "kernels/reference/dequantise.hpp"
#include "tests/kernels/support.hpp"
#include "tests/support/paths.hpp"

namespace troupe::kernels::test {
namespace {

struct vectors {
  dtype type;
  std::vector<std::byte> bytes;
  std::vector<float> values;
};

std::vector<std::byte> from_hex(const std::string& text) {
  std::vector<std::byte> bytes;
  for (std::size_t i = 0; i + 1 < text.size(); i += 2)
    bytes.push_back(static_cast<std::byte>(std::stoi(text.substr(i, 2), nullptr, 16)));
  return bytes;
}

std::vector<vectors> load_vectors() {
  const std::map<std::string, dtype> names = {
      {"Q8_0", dtype::q8_0}, {"Q4_0", dtype::q4_0}, {"Q4_1", dtype::q4_1}, {"Q4_K", dtype::q4_k},
      {"Q6_K", dtype::q6_k}, {"F16", dtype::f16},   {"BF16", dtype::bf16}};
  std::ifstream in(troupe::test::data() / "kernels" / "dequantise.txt");
  std::vector<vectors> all;
  std::string name;
  std::size_t count = 0;
  std::string bytes;
  std::string values;
  while (in >> name >> count >> bytes >> values) {
    vectors v{names.at(name), from_hex(bytes), std::vector<float>(count)};
    const std::vector<std::byte> raw = from_hex(values);
    REQUIRE(raw.size() == count * sizeof(float));
    std::memcpy(v.values.data(), raw.data(), raw.size());
    all.push_back(std::move(v));
  }
  return all;
}

matrix one_row(const vectors& v) {
  return {v.bytes.data(), nullptr, v.type, 1, static_cast<std::uint32_t>(v.values.size())};
}

}  // namespace

TEST_CASE("reference dequantisation gives what the gguf package gives") {
  const std::vector<vectors> all = load_vectors();
  REQUIRE(all.size() == 7);
  for (const vectors& v : all) {
    CAPTURE(info(v.type).name);
    std::vector<float> out(v.values.size());
    reference::dequantise_row(one_row(v), 0, out.data());
    CHECK(largest_error(out, v.values, 1e-9) < 1e-6);
  }
}

TEST_CASE("embed dequantises every type as the reference does, bit for bit") {
  generator random(3);
  each_target([&](const std::string& target) {
    CAPTURE(target);
    for (const dtype type : weight_types()) {
      CAPTURE(info(type).name);
      const std::uint32_t cols = info(type).block_elements > 1 ? 512 : 333;
      const owned_matrix w(type, 150, cols, random, 2);
      const std::vector<std::int32_t> ids = {149, 0, 7, 128, 127};
      std::vector<float> expected(ids.size() * cols);
      std::vector<float> out(ids.size() * cols);
      for (std::size_t i = 0; i < ids.size(); ++i)
        reference::dequantise_row(w.view(), static_cast<std::uint32_t>(ids[i]),
                                  expected.data() + i * cols);
      shuffled_stream s(2);
      REQUIRE(cpu_backend().embed(s, {w.view(), ids.data(), out.data(),
                                      static_cast<std::uint32_t>(ids.size())}) == status::ok);
      CHECK(same_bits(out, expected));
    }
  });
}

TEST_CASE("float16 conversion keeps every number and rounds ties to even") {
  for (std::uint32_t bits = 0; bits < 0x10000; ++bits) {
    const float value = reference::from_f16(static_cast<std::uint16_t>(bits));
    if (!std::isnan(value)) CHECK(reference::to_f16(value) == bits);
  }
  CHECK(reference::to_f16(2049.0F) == reference::to_f16(2048.0F));
  CHECK(reference::to_f16(2051.0F) == reference::to_f16(2052.0F));
  CHECK(reference::to_f16(1e6F) == 0x7c00);
}

TEST_CASE("FP8 e4m3 conversion matches the OCP table's corners") {
  CHECK(reference::from_f8_e4m3(0x7e) == 448.0F);
  CHECK(reference::from_f8_e4m3(0xfe) == -448.0F);
  CHECK(reference::from_f8_e4m3(0x01) == 0x1p-9F);
  CHECK(reference::from_f8_e4m3(0x08) == 0x1p-6F);
  CHECK(reference::from_f8_e4m3(0x38) == 1.0F);
  CHECK(std::isnan(reference::from_f8_e4m3(0x7f)));
}

}  // namespace troupe::kernels::test
