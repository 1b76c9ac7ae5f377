#include "runtime/billing/money.hpp"

#include <doctest/doctest.h>

#include <boost/multiprecision/cpp_int.hpp>
#include <random>

namespace troupe {
namespace {

using boost::multiprecision::cpp_int;

std::string error_of(std::string_view text) {
  const auto read = amount::parse(text);
  return read ? "none" : read.error().message();
}

}  // namespace

TEST_CASE("an amount is written whole, without zeros that say nothing") {
  CHECK(amount().text() == "0");
  CHECK(amount(1).text() == "0.00000000000000001");
  CHECK(amount::parse("3.0000").value().text() == "3");
  CHECK(amount::parse("0012.50").value().text() == "12.5");
  CHECK(amount(~uint128{0}).text() == "3402823669209384634633.74607431768211455");
}

TEST_CASE("what is no decimal number is refused, and says why") {
  for (const char* text : {"", ".", ".5", "5.", "-1", "+1", "1e3", "1,5", "1 ", "0x10", "1.2.3"})
    CHECK(error_of(text) == "'" + std::string(text) + "' is not a decimal number such as 0.861");
  CHECK(error_of("0.000000000000000001") == "'0.000000000000000001' has more than 17 decimals");
  CHECK(error_of("3402823669209384634633.74607431768211456") ==
        "'3402823669209384634633.74607431768211456' is too large");
  CHECK(error_of(std::string(65, '1')).find(std::string(64, '1') + "' is not") !=
        std::string::npos);
}

TEST_CASE("what an amount's text says is read back exactly") {
  std::mt19937_64 random(1);
  for (int i = 0; i < 10'000; ++i) {
    const unsigned shift = static_cast<unsigned>(random() % 128);
    const amount drawn(((uint128{random()} << 64U) | random()) >> shift);
    const auto again = amount::parse(drawn.text());
    REQUIRE(again.has_value());
    REQUIRE(*again == drawn);
  }
}

TEST_CASE("a sum is exact, and one that is too large changes nothing") {
  amount sum = amount::parse("0.1").value();
  REQUIRE(sum.add(amount::parse("0.2").value()).has_value());
  CHECK(sum.text() == "0.3");
  amount most(~uint128{0} - 5);
  CHECK_FALSE(most.add(amount(6)).has_value());
  CHECK(most == amount(~uint128{0} - 5));
  CHECK(most.add(amount(5)).has_value());
}

TEST_CASE("a price has nine decimals and a limit") {
  CHECK(token_price::parse("0.861").value().text() == "0.861");
  CHECK(token_price::parse("0.000000001").value().text() == "0.000000001");
  CHECK_FALSE(token_price::parse("0.0000000001").has_value());
  CHECK(token_price::parse("1000000000").has_value());
  CHECK(token_price::parse("1000000000.000000001").error().message() ==
        "must be at most 1000000000, not 1000000000.000000001");
}

TEST_CASE("what tokens cost is what exact arithmetic says, up to the largest of all") {
  std::mt19937_64 random(2);
  for (int i = 0; i < 10'000; ++i) {
    const bool largest = i == 0;
    const std::uint64_t nanos =
        largest ? 1'000'000'000'000'000'000U : random() % 1'000'000'000'000U;
    const std::uint64_t tokens = largest ? (1ULL << 53U) - 1 : random() >> (11 + random() % 53);
    const auto percent = static_cast<std::uint32_t>(largest ? 1000 : random() % 1001);
    const auto price =
        token_price::parse(fmt::format("{}.{:09}", nanos / 1'000'000'000, nanos % 1'000'000'000));
    REQUIRE(price.has_value());
    // The same in units of 1e-17, digit by digit.
    const cpp_int exact = cpp_int(nanos) * tokens * percent;
    std::string digits = exact.str();
    if (digits.size() <= amount::decimals)
      digits.insert(0, amount::decimals + 1 - digits.size(), '0');
    digits.insert(digits.size() - amount::decimals, 1, '.');
    REQUIRE(amount::parse(digits).value() == price->of(tokens, percent));
  }
}

}  // namespace troupe
