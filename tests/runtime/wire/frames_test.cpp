#include "runtime/wire/frames.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <vector>

#include "runtime/release/release.hpp"

namespace troupe {
namespace {

std::vector<std::byte> preamble(epoch_number epoch) {
  byte_writer to;
  put_preamble(to, epoch);
  return to.take();
}

TEST_CASE("the epoch can be read without the rest of a header") {
  std::vector<std::byte> header = preamble(0x0102030405060708);
  CHECK(header.size() == preamble_bytes);
  CHECK(header[1] == std::byte{8});
  CHECK(epoch_of(header).value() == 0x0102030405060708);
  header.resize(100);
  CHECK(epoch_of(header).value() == 0x0102030405060708);
}

TEST_CASE("a header of another version, or too short for an epoch, has none") {
  std::vector<std::byte> header = preamble(5);
  for (std::size_t size = 0; size < preamble_bytes; ++size) {
    const auto epoch = epoch_of(std::span(header).first(size));
    REQUIRE_FALSE(epoch);
    CHECK(epoch.error().code() == errc::corrupt);
  }
  const std::uint32_t newest = release::protocols.data.highest;
  set_version(header, newest + 1);
  CHECK(epoch_of(header).error() ==
        error(errc::unsupported, fmt::format("frame: wire version {}, this build speaks {}",
                                             newest + 1, show(release::protocols.data))));
}

TEST_CASE("every kind has a name of its own") {
  for (frame_kind kind = frames::step; kind <= frames::weights; ++kind) {
    CHECK(frame_name(kind) != "unknown");
    for (frame_kind other = frames::step; other < kind; ++other)
      CHECK(frame_name(kind) != frame_name(other));
  }
  CHECK(frame_name(0) == "unknown");
}

TEST_CASE("a reader keeps its first error and gives nothing afterwards") {
  byte_writer to;
  to.put(std::uint16_t{7});
  to.put_list(std::vector<std::uint32_t>{1, 2});
  to.put_text("xy");
  const std::vector<std::byte> bytes = to.take();

  byte_reader good(bytes, "test");
  CHECK(good.get<std::uint16_t>("number") == 7);
  CHECK(good.get_list<std::uint32_t>("list") == std::vector<std::uint32_t>{1, 2});
  CHECK(good.get_text("text", 2) == "xy");
  CHECK(good.finish());

  byte_reader bad(bytes, "test");
  CHECK(bad.get<std::uint16_t>("number") == 7);
  CHECK(bad.get_list<std::uint32_t>("list", 1).empty());
  CHECK_FALSE(bad.ok());
  CHECK(bad.get<std::uint16_t>("next") == 0);
  CHECK(bad.get_text("text", 2).empty());
  CHECK(bad.finish().error() ==
        error(errc::out_of_range, "test: list: 2 of them, at most 1 may be"));
}

TEST_CASE("a length that the bytes cannot hold is refused before anything is allocated") {
  byte_writer to;
  to.put(std::uint32_t{0xffffffff});
  to.put(std::uint32_t{0});
  const std::vector<std::byte> bytes = to.take();
  byte_reader from(bytes, "test");
  CHECK(from.get_list<std::uint64_t>("numbers").empty());
  CHECK(from.finish().error() ==
        error(errc::corrupt, "test: numbers: 34359738360 bytes expected at 4, 4 are left"));
}

TEST_CASE("what is left over is an error") {
  const std::vector<std::byte> bytes(3);
  byte_reader from(bytes, "test");
  CHECK(from.get<std::uint8_t>("byte") == 0);
  CHECK(from.finish().error() == error(errc::corrupt, "test: 2 bytes follow its end"));
}

}  // namespace
}  // namespace troupe
