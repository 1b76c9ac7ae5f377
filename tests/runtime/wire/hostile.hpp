#pragma once

#include <doctest/doctest.h>

#include <cstddef>
#include <cstring>
#include <span>
#include <string>
#include <vector>

#include "tests/runtime/wire/random_frames.hpp"

namespace troupe::test {

/// What anybody may do to a header: cut it anywhere, append to it, flip its bits, claim lengths.
/// `decode` fails with one line, or gives something that `encode` turns into bytes that decode to
/// the same bytes again.
template <class Encode, class Decode>
void mistreat(const std::vector<std::byte>& header, generator& random, const Encode& encode,
              const Decode& decode) {
  const auto survives = [&](const std::vector<std::byte>& bytes) {
    auto first = decode(bytes);
    if (!first) {
      CHECK_FALSE(first.error().message().empty());
      CHECK(first.error().message().find('\n') == std::string::npos);
      return;
    }
    const std::vector<std::byte> again = encode(*first);
    auto second = decode(again);
    REQUIRE(second);
    CHECK(encode(*second) == again);
  };
  for (std::size_t size = 0; size < header.size(); ++size) {
    const std::vector<std::byte> cut(header.begin(),
                                     header.begin() + static_cast<std::ptrdiff_t>(size));
    CHECK_FALSE(decode(cut));
  }
  std::vector<std::byte> longer = header;
  longer.push_back(std::byte{0});
  CHECK_FALSE(decode(longer));
  for (std::size_t at = 0; at < header.size(); ++at) {
    std::vector<std::byte> flipped = header;
    flipped[at] ^= static_cast<std::byte>(pick(random, 1, 255));
    survives(flipped);
  }
  for (std::size_t at = 0; at + 4 <= header.size(); ++at) {
    std::vector<std::byte> claimed = header;
    const std::uint32_t huge = random() % 2 == 0 ? 0xffffffff : 0x7fffffff;
    std::memcpy(claimed.data() + at, &huge, sizeof(huge));
    survives(claimed);
  }
}

}  // namespace troupe::test
