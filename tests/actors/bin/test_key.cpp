#include <doctest/doctest.h>

#include <array>

#include "actors/bin/key_report.hpp"
#include "actors/bin/key_words.hpp"

namespace troupe::cli {
namespace {

key_record alice() {
  key_record k;
  k.name = "alice";
  k.hash = "secret";
  k.hint = "tr-1234...abcd";
  k.created = 0;
  k.limits.requests_per_minute = 600;
  k.spent_tokens = 1'234'567;
  k.scope.models = {"one", "two"};
  return k;
}

TEST_CASE("limits that are given replace, the others stay") {
  const key_limits before{5, 6, 7, key_priority::low};
  CHECK(with_limits(before, {}).value() == before);
  CHECK(with_limits(before, {"1", "none", "", ""}).value() ==
        key_limits{1, std::nullopt, 7, key_priority::low});
  for (const char* bad : {"0", "-1", "1.5", "many", "99999999999999999999", " 1"}) {
    const auto refused = with_limits(before, {"", bad, "", ""});
    REQUIRE_FALSE(refused);
    CHECK(refused.error().message().find("--tpm") == 0);
  }
}

TEST_CASE("a budget of money is exact, for ever, a day or a month") {
  const auto read = [](const std::string& word) { return with_limits({}, {"", "", "", "", word}); };
  CHECK(read("0.00000000000000001").value().money->most == amount(1));
  CHECK(read("12.50").value().money == money_budget{amount::parse("12.5").value()});
  CHECK(read("5/day").value().money->per == budget_period::day);
  CHECK(read("100/month").value().money->per == budget_period::month);
  key_limits before = read("5").value();
  CHECK(with_limits(before, {"1", "", "", "", ""}).value().money == before.money);
  CHECK_FALSE(with_limits(before, {"", "", "", "", "none"}).value().money);
  for (const char* bad :
       {"0", "-1", "1e3", "5/week", "5/", "/day", "0.000000000000000001", "five"}) {
    const auto refused = read(bad);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().message().find("--budget-money") == 0);
  }
}

TEST_CASE("a list shows what was spent in the period that goes on") {
  std::array keys{alice()};
  keys[0].limits.money = money_budget{amount::parse("5").value(), budget_period::day};
  keys[0].spent_money = {amount::parse("0.25").value(), 86'400};
  CHECK(to_text(keys, 86'400 + 5).find("5/day  0.25") != std::string::npos);
  CHECK(to_text(keys, 2 * 86'400).find("5/day  0\n") != std::string::npos);
  const auto json = to_json(keys, 86'400);
  CHECK(json[0].at("money_budget").as_string() == "5");
  CHECK(json[0].at("budget_period").as_string() == "day");
  CHECK(json[0].at("spent_money").as_string() == "0.25");
}

TEST_CASE("a priority is one of three words") {
  CHECK(with_limits({}, {"", "", "", "high"}).value().priority == key_priority::high);
  CHECK_FALSE(with_limits({}, {"", "", "", "urgent"}));
}

TEST_CASE("lifetimes have a unit and an end") {
  CHECK(parse_lifetime("90s") == 90);
  CHECK(parse_lifetime("2m") == 120);
  CHECK(parse_lifetime("12h") == 43'200);
  CHECK(parse_lifetime("30d") == 2'592'000);
  for (const char* bad : {"", "d", "0d", "30", "-1d", "1w", "36501d", "99999999999999999999s"})
    CHECK_FALSE(parse_lifetime(bad));
}

TEST_CASE("a list says what is in force, and never a hash") {
  std::array keys{alice(), alice(), alice()};
  keys[1].expires = 86'400;
  keys[2].revoked = 5;
  const std::string text = to_text(keys, 86'400);
  CHECK(text.find("alice  tr-1234...abcd  in force  1970-01-01 00:00  never") != std::string::npos);
  CHECK(text.find("expired   1970-01-01 00:00  1970-01-02 00:00") != std::string::npos);
  CHECK(text.find("revoked") != std::string::npos);
  CHECK(text.find("1.23 M  normal    one,two  all but admin") != std::string::npos);
  CHECK(text.find("secret") == std::string::npos);
  const auto json = to_json(keys, 0);
  CHECK(json[0].at("requests_per_minute").to_number<int>() == 600);
  CHECK(json[0].at("tokens_per_minute").is_null());
  CHECK(json[2].at("state").as_string() == "revoked");
  CHECK_FALSE(json[0].as_object().contains("hash"));
}

}  // namespace
}  // namespace troupe::cli
