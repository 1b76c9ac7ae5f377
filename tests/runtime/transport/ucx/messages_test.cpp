#include "runtime/transport/ucx/messages.hpp"

#include <doctest/doctest.h>

#include <algorithm>

#include "runtime/transport/ucx/interface_of.hpp"
#include "runtime/transport/ucx/sealed_address.hpp"
#include "tests/runtime/transport/test_peer.hpp"

namespace troupe::ucx {
namespace {

TEST_CASE("a greeting reads as it was written, and any shorter one is refused") {
  const greeting g{message_type::hello, 3, 0x1122334455667788, 2, 0xffffffffffffffff, 4, {5, 6}};
  const auto bytes = encode(g);
  REQUIRE(bytes.size() == greeting_bytes);
  CHECK(is_greeting(bytes));
  CHECK(read_greeting(bytes).value() == g);
  CHECK_FALSE(read_head(bytes));
  for (std::size_t size = 0; size < bytes.size(); ++size)
    CHECK(read_greeting(std::span(bytes).first(size)).error().code() == errc::corrupt);
}

TEST_CASE("a greeting of another protocol is refused") {
  auto bytes = encode(greeting{});
  bytes[4] ^= std::byte{1};
  CHECK(read_greeting(bytes).error().code() == errc::corrupt);
}

TEST_CASE("a greeting's bytes are the same in every version") {
  const auto bytes = encode(greeting{message_type::hello, 0x0201, 3, 4, 5, 6, {7, 8}});
  const unsigned char expected[] = {1, 0, 1, 2, '1', 'P', 'R', 'T', 3, 0, 0, 0, 0, 0, 0, 0, 4, 0, 0,
                                    0, 0, 0, 0, 0,   5,   0,   0,   0, 0, 0, 0, 0, 6, 0, 0, 0, 0, 0,
                                    0, 0, 7, 0, 0,   0,   0,   0,   0, 0, 8, 0, 0, 0, 0, 0, 0, 0};
  CHECK(std::ranges::equal(bytes, std::as_bytes(std::span(expected))));
}

TEST_CASE("a message's head reads as it was written") {
  const message_head h{message_type::credit, 0xabcd, 0x12345678, 1, 2, {3, 4}, 0x0102030405060708};
  auto bytes = encode(h);
  REQUIRE(bytes.size() == message_head_bytes);
  CHECK(read_head(bytes).value() == h);
  bytes.push_back(std::byte{9});  // what follows is not its concern
  CHECK(read_head(bytes).value() == h);
  for (std::size_t size = 0; size < message_head_bytes; ++size)
    CHECK_FALSE(read_head(std::span(bytes).first(size)));
  for (int type = 0; type < 256; ++type) {
    bytes[0] = static_cast<std::byte>(type);
    CHECK(read_head(bytes).has_value() == (type >= 16 && type <= 20));
  }
}

TEST_CASE("an address opens as it was sealed, and no other way") {
  const auto address = test::pattern(215, 3);
  auto sealed = seal_address(address);
  CHECK(std::ranges::equal(open_address(sealed).value(), address));
  for (std::size_t size = 0; size < sealed.size(); ++size)
    CHECK(open_address(std::span(sealed).first(size)).error().code() == errc::corrupt);
  for (std::byte& each : sealed) {
    each ^= std::byte{16};
    CHECK(open_address(sealed).error().code() == errc::corrupt);
    each ^= std::byte{16};
  }
}

TEST_CASE("an address belongs to an interface, or is refused") {
  CHECK(interface_of("127.0.0.1").value() == "lo");
  for (const char* host : {"localhost", "", "192.0.2.7", "fe80::1:2"})
    CHECK(interface_of(host).error().code() == errc::invalid_argument);
}

}  // namespace
}  // namespace troupe::ucx
