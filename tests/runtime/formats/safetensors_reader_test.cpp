#include "runtime/formats/safetensors_reader.hpp"

#include <doctest/doctest.h>

#include <random>
#include <string>

#include "tests/support/gguf_writer.hpp"

namespace troupe {
namespace {

/// A file of that header and that many bytes of data.
std::string file(std::string_view header, std::size_t data) {
  return test::bytes_of<std::uint64_t>(header.size()) + std::string(header) +
         std::string(data, '\1');
}

std::string refusal(const std::string& bytes) {
  const std::vector<char> exact(bytes.begin(), bytes.end());
  const auto tensors = parse_safetensors(test::as_bytes({exact.data(), exact.size()}));
  return tensors ? "" : tensors.error().message();
}

constexpr const char* good =
    R"({"__metadata__": {"format": "pt"},
        "b": {"dtype": "BF16", "shape": [2, 2], "data_offsets": [8, 16]},
        "a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]},
        "s": {"dtype": "F8_E4M3", "shape": [], "data_offsets": [16, 17]}}  )";

TEST_CASE("tensors come in the order of their data") {
  const std::string bytes = file(good, 17);
  const auto tensors = parse_safetensors(test::as_bytes(bytes));
  REQUIRE(tensors);
  REQUIRE(tensors->size() == 3);
  CHECK((*tensors)[0].name == "a");
  CHECK((*tensors)[1].name == "b");
  CHECK((*tensors)[1].type == kernels::dtype::bf16);
  CHECK((*tensors)[1].shape == std::vector<std::uint64_t>{2, 2});
  CHECK((*tensors)[1].data.size() == 8);
}

TEST_CASE("a foreign or truncated file is refused") {
  CHECK(refusal("") == "too short for a safetensors file");
  CHECK(refusal("PK\3\4abcdefghijkl").starts_with("not a safetensors file"));
  CHECK(refusal(file("[1]", 0)) == "not a safetensors file");
  CHECK(refusal(test::bytes_of<std::uint64_t>(1000) + "{}") ==
        "the file ends inside its header of 1000 bytes: it is truncated");
  CHECK(refusal(file(good, 16)).find("truncated or damaged") != std::string::npos);
}

TEST_CASE("hostile headers are refused") {
  const auto one = [](std::string_view about, std::size_t data = 8) {
    return refusal(file(R"({"a": )" + std::string(about) + "}", data));
  };
  CHECK(one(R"({"dtype": "F32", "shape": [2], "data_offsets": [0, 8]})").empty());
  CHECK(one(R"({"dtype": "I64", "shape": [1], "data_offsets": [0, 8]})") ==
        "tensor 'a' is of type 'I64'; troupe reads F32, F16, BF16 and F8_E4M3");
  CHECK(one(R"({"dtype": "F32", "shape": [3], "data_offsets": [0, 8]})") ==
        "tensor 'a' has 8 bytes, but F32 [3] takes 12");
  CHECK(one(R"({"dtype": "F32", "shape": [4611686018427387905, 4], "data_offsets": [0, 8]})") ==
        "tensor 'a': its shape [4611686018427387905, 4] overflows");
  CHECK(one(R"({"dtype": "F32", "shape": [0], "data_offsets": [0, 0]})", 0) ==
        "tensor 'a': its shape [0] is empty");
  CHECK(one(R"({"dtype": "F32", "shape": [-2], "data_offsets": [0, 8]})") ==
        "tensor 'a' has no valid shape");
  CHECK(one(R"({"dtype": "F32", "shape": [1,1,1,1,1,1,1,1,2], "data_offsets": [0, 8]})") ==
        "tensor 'a' has no valid shape");
  CHECK(one(R"({"dtype": "F32", "shape": [2], "data_offsets": [8, 0]})") ==
        "tensor 'a' has no valid data_offsets");
  CHECK(one(R"({"dtype": "F32", "shape": [2], "data_offsets": [0]})") ==
        "tensor 'a' has no valid data_offsets");
  CHECK(one(R"({"dtype": 7, "shape": [2], "data_offsets": [0, 8]})") ==
        "tensor 'a': 'dtype' is not a string");
  CHECK(one("5") == "tensor 'a' is not an object");
  CHECK(one(R"({"dtype": "F32", "shape": [2], "data_offsets": [0, 8]})", 12) ==
        "4 bytes after the last tensor");
  CHECK(one(R"({"dtype": "F32", "shape": [2], "data_offsets": [4, 12]})", 12) ==
        "tensor 'a' leaves a gap in the data or overlaps another");
}

TEST_CASE("overlaps and duplicates are refused") {
  CHECK(refusal(file(R"({"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]},
                         "b": {"dtype": "F32", "shape": [2], "data_offsets": [4, 12]}})",
                     12)) == "tensor 'b' leaves a gap in the data or overlaps another");
  CHECK(refusal(file(R"({"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]},
                         "a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}})",
                     8)) == "the header has 'a' twice");
}

TEST_CASE("a file cut anywhere is refused, and flipped bytes never crash") {
  const std::string bytes = file(good, 17);
  for (std::size_t length = 0; length < bytes.size(); ++length)
    CHECK_FALSE(refusal(bytes.substr(0, length)).empty());
  std::mt19937 random(5);
  for (int round = 0; round < 5000; ++round) {
    std::string damaged = bytes;
    for (int i = 0; i < 1 + round % 3; ++i)
      damaged[random() % damaged.size()] ^= static_cast<char>(1U << (random() % 8));
    static_cast<void>(refusal(damaged));
  }
}

}  // namespace
}  // namespace troupe
