#include "runtime/model/block_map.hpp"

#include <doctest/doctest.h>

namespace troupe {
namespace {

constexpr std::uint64_t mib = block_map::usual_bytes;

block_map two_files() {
  auto map = block_map::make({{"a.json", 10}, {"b.safetensors", 2 * mib + 5}});
  REQUIRE(map);
  return *std::move(map);
}

TEST_CASE("blocks are numbered through the files, and a file's last one is shorter") {
  const block_map map = two_files();
  CHECK(map.blocks() == 4);
  CHECK(map.at(0) == block_map::place{0, 0, 10});
  CHECK(map.at(1) == block_map::place{1, 0, mib});
  CHECK(map.at(3) == block_map::place{1, 2 * mib, 5});
  CHECK(map.find("b.safetensors") == 1);
  CHECK_FALSE(map.find("c"));
}

TEST_CASE("bytes of a file mark the blocks that hold them") {
  const block_map map = two_files();
  const auto marked = [&](std::size_t file, std::uint64_t offset, std::uint64_t bytes) {
    std::vector<bool> flags(map.blocks());
    map.mark(file, offset, bytes, flags);
    return flags;
  };
  using flags = std::vector<bool>;
  CHECK(marked(0, 3, 2) == flags{true, false, false, false});
  CHECK(marked(1, mib - 1, 2) == flags{false, true, true, false});
  CHECK(marked(1, mib, mib) == flags{false, false, true, false});
  CHECK(marked(1, 2 * mib, ~std::uint64_t{0}) == flags{false, false, false, true});
  CHECK(marked(1, mib, 0) == flags(4));
  CHECK(marked(1, 3 * mib, 1) == flags(4));
}

TEST_CASE("what cannot be files of a folder is refused") {
  CHECK_FALSE(block_map::make({}));
  for (const char* name : {"", "..", ".blocks", "a/b", "a\\b"})
    CHECK(block_map::make({{name, 1}}).error().code() == errc::invalid_argument);
  CHECK_FALSE(block_map::make({{std::string("a\0b", 3), 1}}));
  CHECK_FALSE(block_map::make({{std::string(256, 'a'), 1}}));
  CHECK_FALSE(block_map::make({{"a", 1}, {"a", 1}}));
  CHECK_FALSE(block_map::make({{"a", 0}}));
  CHECK_FALSE(block_map::make({{"a", ~std::uint64_t{0}}}));
  CHECK(block_map::make({{"a", 0xffff'ffff * mib}}).value().blocks() == 0xffff'ffff);
}

}  // namespace
}  // namespace troupe
