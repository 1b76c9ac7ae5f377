#include "runtime/formats/gguf_reader.hpp"

#include <doctest/doctest.h>

#include <array>
#include <random>
#include <string>

#include "tests/support/gguf_models.hpp"

namespace troupe {
namespace {

using test::as_bytes;
using test::gguf_writer;

constexpr std::array<float, 4> four = {1, 2, 3, 4};

gguf_writer two_tensors() {
  gguf_writer writer;
  writer.f32_tensor("a", {2, 2}, four).f32_tensor("b", {4}, four);
  return writer;
}

std::string refusal(std::string bytes) {
  // The exact size on the heap, so that a sanitizer sees a read past the end.
  const std::vector<char> exact(bytes.begin(), bytes.end());
  const auto file = parse_gguf(as_bytes({exact.data(), exact.size()}));
  return file ? "" : file.error().message();
}

std::string refusal(const gguf_writer& writer) { return refusal(writer.build()); }

TEST_CASE("tensors are found with shape, type and data") {
  const std::string bytes = two_tensors().build();
  const auto file = parse_gguf(as_bytes(bytes));
  REQUIRE(file);
  CHECK(file->version == 3);
  CHECK(file->tensors.all().size() == 2);
  const stored_tensor* const a = file->tensors.find("a");
  REQUIRE(a != nullptr);
  CHECK(a->type == kernels::dtype::f32);
  CHECK(a->shape == std::vector<std::uint64_t>{2, 2});
  CHECK(a->data.size() == 16);
  CHECK(reinterpret_cast<const float*>(file->tensors.find("b")->data.data())[3] == 4.0F);
  CHECK(file->tensors.find("c") == nullptr);
}

TEST_CASE("version 2 and another alignment are read") {
  CHECK(refusal(two_tensors().version(2)).empty());
  CHECK(refusal(two_tensors().alignment(8)).empty());
  CHECK(refusal(two_tensors().alignment(4096)).empty());
}

TEST_CASE("a foreign file, another version or byte order is refused by name") {
  CHECK(refusal(std::string()) == "not a GGUF file");
  CHECK(refusal(std::string("PK\3\4 and so on")) == "not a GGUF file");
  CHECK(refusal(two_tensors().version(1)) == "GGUF version 1; troupe reads 2 and 3");
  CHECK(refusal(two_tensors().version(4)) == "GGUF version 4; troupe reads 2 and 3");
  CHECK(refusal(two_tensors().version(0x03000000)) == "a big-endian GGUF file");
}

TEST_CASE("an unsupported tensor type is named with its tensor") {
  CHECK(refusal(two_tensors().claim_type("b", 13)) ==
        "tensor 'b' is of type Q5_K; troupe reads F32, F16, BF16, Q8_0, Q4_0, Q4_1, Q4_K and Q6_K");
  CHECK(
      refusal(two_tensors().claim_type("b", 1000)).starts_with("tensor 'b' is of type type 1000"));
}

TEST_CASE("hostile tensors are refused") {
  CHECK(refusal(two_tensors().claim_offset("b", 1 << 20)).find("truncated or damaged") !=
        std::string::npos);
  CHECK(refusal(two_tensors().claim_offset("b", ~0ULL - 31)).find("truncated or damaged") !=
        std::string::npos);
  CHECK(refusal(two_tensors().claim_offset("b", 0)) == "tensors 'a' and 'b' overlap");
  CHECK(refusal(two_tensors().claim_offset("b", 4)) ==
        "tensor 'b' starts at 4, not a multiple of 32");
  CHECK(refusal(two_tensors().claim_shape("b", {1ULL << 62U, 4})) ==
        "tensor 'b': its shape [4611686018427387904, 4] overflows");
  CHECK(refusal(two_tensors().claim_shape("b", {0})) == "tensor 'b': its shape [0] is empty");
  CHECK(refusal(two_tensors().claim_shape("b", {})) == "tensor 'b' has 0 dimensions");
  CHECK(refusal(two_tensors().claim_shape("b", {1, 1, 1, 1, 4})) == "tensor 'b' has 5 dimensions");
  CHECK(refusal(two_tensors().claim_type("b", 2)) ==
        "tensor 'b': its rows of 4 are not a multiple of Q4_0's block of 32");
  CHECK(refusal(two_tensors().f32_tensor("a", {4}, four)) == "tensor 'a' is there twice");
  CHECK(refusal(two_tensors().u32("general.alignment", 0)) ==
        "general.alignment is 0, not a power of two up to 1048576");
  CHECK(refusal(two_tensors().u32("general.alignment", 24)).starts_with("general.alignment is 24"));
}

TEST_CASE("huge counts in the header are refused at once") {
  std::string bytes = two_tensors().build();
  bytes.replace(8, 8, test::bytes_of<std::uint64_t>(~0ULL));
  CHECK(refusal(bytes).starts_with("18446744073709551615 tensors"));
  bytes = two_tensors().build();
  bytes.replace(8, 8, test::bytes_of<std::uint64_t>(1U << 20U));
  CHECK_FALSE(refusal(bytes).empty());
  bytes = two_tensors().build();
  bytes.replace(16, 8, test::bytes_of<std::uint64_t>(1ULL << 60U));
  CHECK(refusal(bytes).starts_with("1152921504606846976 metadata entries"));
}

TEST_CASE("a file cut anywhere is refused") {
  const std::string bytes = test::tiny_llama_gguf().build();
  REQUIRE(refusal(bytes).empty());
  std::size_t accepted = 0;
  for (std::size_t length = 0; length < bytes.size(); length += length < 8192 ? 1 : 97)
    accepted += refusal(bytes.substr(0, length)).empty() ? 1 : 0;
  CHECK(accepted == 0);
}

TEST_CASE("flipped bytes never crash the parser") {
  const std::string bytes = test::tiny_llama_gguf().build();
  std::mt19937 random(11);
  std::size_t refused = 0;
  for (int round = 0; round < 3000; ++round) {
    std::string damaged = bytes;
    for (int i = 0; i < 1 + round % 4; ++i)
      damaged[random() % 6000] ^= static_cast<char>(1U << (random() % 8));
    refused += refusal(damaged).empty() ? 0 : 1;
  }
  CHECK(refused > 0);
}

}  // namespace
}  // namespace troupe
