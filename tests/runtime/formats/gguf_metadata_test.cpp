#include "runtime/formats/gguf_metadata.hpp"

#include <doctest/doctest.h>

#include <array>
#include <chrono>
#include <string>
#include <vector>

#include "runtime/formats/gguf_reader.hpp"
#include "tests/support/gguf_writer.hpp"

namespace troupe {
namespace {

using test::as_bytes;
using test::bytes_of;
using test::gguf_writer;

/// The failure of a file's parse, or an empty string.
std::string refusal(const gguf_writer& writer) {
  const std::string bytes = writer.build();
  const auto file = parse_gguf(as_bytes(bytes));
  return file ? "" : file.error().message();
}

TEST_CASE("metadata of every type is read") {
  gguf_writer writer;
  const std::array<std::string, 3> words = {"a", "", "ccc"};
  const std::array<std::int32_t, 2> numbers = {-5, 7};
  writer.text("text", "hello")
      .u32("u32", 4000000000U)
      .u64("u64", 1ULL << 40U)
      .f32("f32", 0.5F)
      .flag("flag", true)
      .raw("u8", 0, bytes_of<std::uint8_t>(200))
      .raw("i8", 1, bytes_of<std::int8_t>(-3))
      .raw("u16", 2, bytes_of<std::uint16_t>(60000))
      .raw("i16", 3, bytes_of<std::int16_t>(-300))
      .raw("i32", 5, bytes_of<std::int32_t>(-70000))
      .raw("i64", 11, bytes_of<std::int64_t>(-1))
      .raw("f64", 12, bytes_of<double>(0.25))
      .texts("words", words)
      .i32s("numbers", numbers);
  const std::string bytes = writer.build();
  const auto file = parse_gguf(as_bytes(bytes));
  REQUIRE(file);
  const gguf_metadata& m = file->metadata;
  CHECK(m.size() == 14);
  CHECK(**m.text("text") == "hello");
  CHECK(**m.integer("u32") == 4000000000LL);
  CHECK(**m.integer("u64") == 1LL << 40);
  CHECK(**m.number("f32") == 0.5);
  CHECK(**m.flag("flag"));
  CHECK(**m.integer("u8") == 200);
  CHECK(**m.integer("i8") == -3);
  CHECK(**m.integer("u16") == 60000);
  CHECK(**m.integer("i16") == -300);
  CHECK(**m.integer("i32") == -70000);
  CHECK(**m.integer("i64") == -1);
  CHECK(**m.number("f64") == 0.25);
  CHECK(**m.number("u8") == 200.0);
  CHECK(**m.texts("words") == std::vector<std::string_view>{"a", "", "ccc"});
  CHECK(**m.integers("numbers") == std::vector<std::int64_t>{-5, 7});
  CHECK(**m.numbers("numbers") == std::vector<double>{-5, 7});
}

TEST_CASE("an absent key is nothing, a key of another type an error that names it") {
  gguf_writer writer;
  writer.text("name", "x").u64("large", ~0ULL);
  const std::string bytes = writer.build();
  const auto file = parse_gguf(as_bytes(bytes));
  REQUIRE(file);
  const gguf_metadata& m = file->metadata;
  CHECK_FALSE(m.integer("absent")->has_value());
  CHECK_FALSE(m.texts("absent")->has_value());
  CHECK(m.integer("name").error().message() ==
        "metadata 'name' is a string, not an integer of 63 bits");
  CHECK(m.integer("large").error().code() == errc::corrupt);
  CHECK(m.flag("name").error().code() == errc::corrupt);
  CHECK(m.number("name").error().code() == errc::corrupt);
  CHECK(m.text("large").error().code() == errc::corrupt);
  CHECK(m.texts("name").error().code() == errc::corrupt);
}

TEST_CASE("hostile metadata is refused") {
  CHECK(refusal(gguf_writer().u32("k", 1).u32("k", 2)) == "metadata 'k' is there twice");
  CHECK(refusal(gguf_writer().raw("k", 13, "")) == "metadata 'k': unknown value type 13");
  CHECK(refusal(gguf_writer().raw("k", 7, bytes_of<std::uint8_t>(2))) ==
        "metadata 'k': 2 is no boolean");
  CHECK(refusal(gguf_writer().u32("", 1)) == "metadata entry 0 has a key of 0 bytes");
  const std::string huge = bytes_of<std::uint32_t>(8) + bytes_of<std::uint64_t>(1ULL << 60U);
  CHECK(refusal(gguf_writer().raw("k", 9, huge)) == "metadata 'k': the value ends past the file");
  const std::string overflow = bytes_of<std::uint32_t>(10) + bytes_of<std::uint64_t>(1ULL << 61U);
  CHECK(refusal(gguf_writer().raw("k", 9, overflow)) ==
        "metadata 'k': the value ends past the file");
  const std::string odd = bytes_of<std::uint32_t>(99) + bytes_of<std::uint64_t>(1);
  CHECK(refusal(gguf_writer().raw("k", 9, odd)) == "metadata 'k': array of unknown type 99");
}

TEST_CASE("arrays may nest, but not deeply") {
  const auto nested = [](int depth) {
    std::string bytes;
    for (int i = 0; i < depth; ++i)
      bytes += bytes_of<std::uint32_t>(9) + bytes_of<std::uint64_t>(1);
    return bytes + bytes_of<std::uint32_t>(0) + bytes_of<std::uint64_t>(0);
  };
  CHECK(refusal(gguf_writer().raw("k", 9, nested(3))).empty());
  CHECK(refusal(gguf_writer().raw("k", 9, nested(4))) ==
        "metadata 'k': arrays nested deeper than 4");
  CHECK(refusal(gguf_writer().raw("k", 9, nested(100'000))) ==
        "metadata 'k': arrays nested deeper than 4");
}

TEST_CASE("a vocabulary of 150,000 strings is read in a fraction of a second") {
  std::vector<std::string> words;
  words.reserve(150'000);
  for (int i = 0; i < 150'000; ++i) words.push_back("token" + std::to_string(i));
  gguf_writer writer;
  writer.texts("words", words);
  const std::string bytes = writer.build();
  const auto start = std::chrono::steady_clock::now();
  const auto file = parse_gguf(as_bytes(bytes));
  REQUIRE(file);
  const auto read = file->metadata.texts("words");
  const auto took = std::chrono::steady_clock::now() - start;
  REQUIRE(read);
  CHECK((*read)->size() == 150'000);
  CHECK((*read)->back() == "token149999");
  CHECK(took < std::chrono::seconds(1));
}

}  // namespace
}  // namespace troupe
