#include "runtime/billing/price_book.hpp"

#include <doctest/doctest.h>

namespace troupe {
namespace {

std::string error_of(std::string_view text) {
  const auto book = price_book::read(text, "f");
  return book ? "none" : book.error().message();
}

constexpr std::string_view head = "[prices]\ncurrency = \"CNY\"\n";

std::string below_head(std::string_view text) { return std::string(head).append(text); }

}  // namespace

TEST_CASE("a model's own tiers come before those of every model") {
  const auto book = price_book::read(
      below_head("batch_percent = 40\n"
                 "[[tier]]\ninput = 2\noutput = \"4.5\"\n"
                 "[[tier]]\nmodel = \"big\"\nup_to_tokens = 100\ninput = 6\noutput = 7\n"
                 "[[tier]]\nmodel = \"big\"\ninput = 8\noutput = 9\n"),
      "f");
  REQUIRE_MESSAGE(book.has_value(), book.error().message());
  const price_table other = book->table_for("small").value();
  REQUIRE(other.tiers.size() == 1);
  CHECK(other.currency == "CNY");
  CHECK(other.rules.batch_percent == 40);
  CHECK(other.rules.implicit_hit_percent == 20);
  CHECK(other.tiers[0].input.text() == "2");
  CHECK(other.tiers[0].output.text() == "4.5");
  CHECK(other.tiers[0].up_to_tokens == price_tier::unlimited);
  const price_table big = book->table_for("big").value();
  REQUIRE(big.tiers.size() == 2);
  CHECK(big.tiers[0].up_to_tokens == 100);
  CHECK(big.tiers[1].output.text() == "9");
}

TEST_CASE("a model without a price is not found") {
  const auto book =
      price_book::read(below_head("[[tier]]\nmodel = \"a\"\ninput = 1\noutput = 1\n"), "f");
  REQUIRE(book.has_value());
  CHECK(book->table_for("b").error().message() == "there is no price for model 'b'");
}

TEST_CASE("a mistake in a price file is told with its place") {
  const std::string prices = "input = 1\noutput = 1\n";
  CHECK(error_of("[prices]\n") == "f: prices.currency must be capital letters, such as \"USD\"");
  CHECK(error_of(head) == "f: no prices; write them below [[tier]]");
  CHECK(error_of(below_head("[[tier]]\ninput = 1.5\n")) ==
        "f:4: tier.input: a value of type floating-point is not allowed here");
  CHECK(error_of(below_head("[[tier]]\ninput = \"-1\"\n")) ==
        "f:4: tier.input: '-1' is not a decimal number such as 0.861");
  CHECK(error_of(below_head("[[tier]]\noutput = true\n")) ==
        "f:4: tier.output: must be a price such as \"1.20\"");
  CHECK(error_of(below_head("[[tier]]\nup_to_tokens = 0\n")).starts_with("f:4: tier.up_to_tokens"));
  CHECK(error_of(below_head("[[tier]]\ninptu = 1\n")) ==
        "f:4: unknown key 'inptu' in [tier]; did you mean 'input'?");
  CHECK(error_of(below_head("[tier]\ninput = 1\n")) ==
        "f:3: write [[tier]] on a line of its own for each");
  CHECK(error_of(below_head("[[tiers]]\ninput = 1\n")) ==
        "f:3: unknown key 'tiers' outside a table");
  CHECK(error_of(below_head(std::string("[[tier]]\nup_to_tokens = 5\n") + prices +
                            "[[tier]]\nup_to_tokens = 5\n" + prices)) ==
        "f: the tiers of model '*' must ascend: up_to_tokens 5 comes after 5");
  CHECK(error_of(below_head(std::string("[[tier]]\n") + prices + "[[tier]]\nup_to_tokens = 5\n" +
                            prices))
            .find("must ascend") != std::string::npos);
}

TEST_CASE("a tier must say what input and output cost") {
  CHECK(error_of(below_head("[[tier]]\ninput = 1\n")) ==
        "f: a tier of model '*' lacks the price of its output; 0 is free");
  CHECK(error_of(below_head("[[tier]]\noutput = 1\n")) ==
        "f: a tier of model '*' lacks the price of its input; 0 is free");
  CHECK(error_of(below_head("[[tier]]\ninput = 0\noutput = 0\n")) == "none");
}

}  // namespace troupe
