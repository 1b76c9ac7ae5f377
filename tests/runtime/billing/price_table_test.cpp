#include "runtime/billing/price_table.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <boost/multiprecision/cpp_int.hpp>
#include <random>

#include "runtime/billing/price_book.hpp"
#include "tests/support/paths.hpp"

namespace troupe {
namespace {

using boost::multiprecision::cpp_int;

price_table shipped(const std::string& name) {
  const auto file = test::data().parent_path().parent_path() / "configs" / name;
  const auto book = price_book::read_file(file);
  REQUIRE_MESSAGE(book.has_value(), book.error().message());
  return book->table_for("any").value();
}

/// The total as text.
std::string total(const price_table& table, const billed_tokens& tokens) {
  const auto cost = cost_of(table, tokens);
  REQUIRE_MESSAGE(cost.has_value(), cost.error().message());
  CHECK(cost->currency == table.currency);
  return cost->total.text();
}

billed_tokens plain(std::uint64_t input, std::uint64_t output) {
  billed_tokens t;
  t.input = input;
  t.output = output;
  return t;
}

}  // namespace

TEST_CASE("a tier ends with its last token, and prices the whole request") {
  const price_table mainland = shipped("prices-mainland.toml");
  CHECK(total(mainland, plain(0, 0)) == "0");
  CHECK(total(mainland, plain(1, 0)) == "0.000000861");
  CHECK(total(mainland, plain(0, 1)) == "0.000003441");
  CHECK(total(mainland, plain(32'768, 0)) == "0.028213248");
  CHECK(total(mainland, plain(32'769, 0)) == "0.046990746");
  CHECK(total(mainland, plain(131'072, 0)) == "0.187957248");
  CHECK(total(mainland, plain(131'073, 0)) == "0.281938023");
  CHECK(total(mainland, plain(258'048, 32'768)) == "0.836931584");
  CHECK(total(mainland, plain(32'768, 1000)) == "0.031654248");
  CHECK(total(mainland, plain(32'769, 1000)) == "0.052725746");

  const price_table international = shipped("prices-international.toml");
  CHECK(total(international, plain(32'768, 1000)) == "0.0453216");
  CHECK(total(international, plain(32'769, 1000)) == "0.0906456");
  CHECK(total(international, plain(131'072, 1000)) == "0.3265728");
  CHECK(total(international, plain(131'073, 1000)) == "0.408219");
  CHECK(total(international, plain(258'048, 1000)) == "0.789144");
}

TEST_CASE("beyond its last tier a model costs what the last one says") {
  CHECK(total(shipped("prices-international.toml"), plain(1'000'000, 0)) == "3");
}

TEST_CASE("cached input costs its share, and does not move the request to another tier") {
  const price_table table = shipped("prices-international.toml");
  billed_tokens t = plain(10'000, 0);
  t.implicit_hits = 10'000;
  CHECK(total(table, t) == "0.0024");
  t.implicit_hits = 0;
  t.explicit_hits = 10'000;
  CHECK(total(table, t) == "0.0012");
  t.explicit_hits = 0;
  t.explicit_creation = 10'000;
  CHECK(total(table, t) == "0.015");
  t = plain(40'000, 7);
  t.implicit_hits = 39'999;  // one fresh token, in the second tier all the same
  const auto cost = cost_of(table, t).value();
  CHECK(cost.input.text() == "0.0000024");
  CHECK(cost.cache.text() == "0.01919952");
  CHECK(cost.output.text() == "0.000084");
  CHECK(cost.total.text() == "0.01928592");
}

TEST_CASE("a batch costs half of everything, whatever the cache held") {
  const price_table table = shipped("prices-international.toml");
  billed_tokens t = plain(10'000, 1000);
  t.batch = true;
  CHECK(total(table, t) == "0.009");
  t.implicit_hits = 5'000;
  t.explicit_creation = 5'000;
  CHECK(total(table, t) == "0.009");
}

TEST_CASE("counts that contradict each other have no cost") {
  const price_table table = shipped("prices-mainland.toml");
  billed_tokens t = plain(10, 0);
  t.implicit_hits = 6;
  t.explicit_hits = 5;
  CHECK(cost_of(table, t).error().message() == "11 tokens of the cache in an input of 10");
  CHECK(cost_of(table, plain(1ULL << 53U, 0)).error().code() == errc::out_of_range);
}

TEST_CASE("costs are what exact arithmetic says") {
  std::mt19937_64 random(3);
  const auto below = [&random](std::uint64_t limit) { return random() % limit; };
  for (int round = 0; round < 2000; ++round) {
    price_table table;
    table.currency = "XXX";
    table.rules = {static_cast<std::uint32_t>(below(200)), static_cast<std::uint32_t>(below(200)),
                   static_cast<std::uint32_t>(below(200)), static_cast<std::uint32_t>(below(200))};
    std::vector<std::pair<std::uint64_t, std::uint64_t>> nanos;
    std::uint64_t end = 0;
    for (std::uint64_t i = 0; i <= below(4); ++i) {
      end += 1 + below(100'000);
      nanos.emplace_back(below(20'000'000'000), below(100'000'000'000));
      const auto price = [](std::uint64_t n) {
        return token_price::parse(fmt::format("{}.{:09}", n / 1'000'000'000, n % 1'000'000'000))
            .value();
      };
      table.tiers.push_back({end, price(nanos.back().first), price(nanos.back().second)});
    }
    // As often as not exactly at a tier's end, or just behind it.
    billed_tokens t;
    t.input = below(2) == 0 ? table.tiers[below(table.tiers.size())].up_to_tokens + below(2)
                            : below(500'000);
    t.output = below(40'000);
    t.implicit_hits = below(t.input + 1);
    t.explicit_hits = below(t.input - t.implicit_hits + 1);
    t.explicit_creation = below(t.input - t.implicit_hits - t.explicit_hits + 1);
    t.batch = below(4) == 0;

    std::size_t tier = 0;
    while (tier + 1 < table.tiers.size() && t.input > table.tiers[tier].up_to_tokens) ++tier;
    const auto [in, out] = nanos[tier];
    const price_rules& r = table.rules;
    cpp_int exact;
    if (t.batch) {
      exact = (cpp_int(in) * t.input + cpp_int(out) * t.output) * r.batch_percent;
    } else {
      const std::uint64_t fresh = t.input - t.implicit_hits - t.explicit_hits - t.explicit_creation;
      exact =
          cpp_int(in) * (cpp_int(fresh) * 100 + cpp_int(t.implicit_hits) * r.implicit_hit_percent +
                         cpp_int(t.explicit_hits) * r.explicit_hit_percent +
                         cpp_int(t.explicit_creation) * r.explicit_creation_percent) +
          cpp_int(out) * t.output * 100;
    }
    const auto cost = cost_of(table, t).value();
    const uint128 units = cost.total.units();
    const cpp_int got = (cpp_int(static_cast<std::uint64_t>(units >> 64U)) << 64U) +
                        static_cast<std::uint64_t>(units);
    REQUIRE(got == exact);
    REQUIRE(cost.input.units() + cost.cache.units() + cost.output.units() == units);
  }
}

TEST_CASE("the most that a request can cost is what the dearest kind of input does") {
  price_table table;
  table.currency = "USD";
  table.tiers.push_back({10, token_price::parse("1").value(), token_price::parse("2").value()});
  table.tiers.push_back(
      {price_tier::unlimited, token_price::parse("10").value(), token_price::parse("20").value()});
  const auto text = [&](std::uint64_t input, std::uint64_t output, bool keeps) {
    return most_cost(table, input, output, keeps).value().text();
  };
  CHECK(text(10, 5, false) == "0.00002");
  CHECK(text(10, 5, true) == "0.0000225");
  CHECK(text(11, 5, false) == "0.00021");
  table.rules.implicit_hit_percent = 300;
  CHECK(text(10, 5, false) == "0.00004");
  CHECK_FALSE(most_cost(table, std::uint64_t{1} << 53U, 1, false));
}

}  // namespace troupe
