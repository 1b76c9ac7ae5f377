#include "runtime/billing/usage_report.hpp"

#include <doctest/doctest.h>

#include "runtime/billing/usage_table.hpp"
#include "tests/support/paths.hpp"

namespace troupe {
namespace {

constexpr std::int64_t noon = 1'767'960'000;  // 2026-01-09, 12:00
constexpr std::int64_t hours = 3600;

struct ledger_file {
  test::temporary_directory folder;
  std::filesystem::path path = folder.path() / "usage.db";

  void add(const std::string& id, const std::string& key, const std::string& model,
           std::int64_t created, const std::string& currency, const std::string& cost,
           std::uint64_t output = 10) const {
    auto table = usage_table::open(path);
    REQUIRE(table.has_value());
    usage_record r;
    r.id = id;
    r.key = key;
    r.model = model;
    r.created = created;
    r.tokens.input = 1'000'000'000'000;
    r.tokens.implicit_hits = 2;
    r.tokens.explicit_hits = 3;
    r.tokens.explicit_creation = 4;
    r.tokens.output = output;
    r.reasoning = 1;
    if (!currency.empty()) {
      r.cost.emplace();
      r.cost->currency = currency;
      r.cost->total = amount::parse(cost).value();
    }
    REQUIRE(table->put(r).has_value());
  }
};

}  // namespace

TEST_CASE("usage is added up by key, model and day, each currency on its own") {
  const ledger_file file;
  file.add("1", "alice", "big", noon, "USD", "0.1");
  file.add("2", "alice", "small", noon + hours, "USD", "0.2");
  file.add("3", "bob", "big", noon + 12 * hours, "USD", "100000000000000.00000000000000001");
  file.add("4", "bob", "big", noon + 12 * hours, "CNY", "7");
  file.add("5", "", "big", noon - 1, "", "");

  auto by_key = report_usage({file.path}, {usage_group::key}, {});
  REQUIRE_MESSAGE(by_key.has_value(), by_key.error().message());
  REQUIRE(by_key->lines.size() == 4);
  const usage_totals& alice = by_key->lines.at({{"alice"}, "USD"});
  CHECK(alice.answers == 2);
  CHECK(alice.input == 2'000'000'000'000);
  CHECK(alice.cached == 10);
  CHECK(alice.created == 8);
  CHECK(alice.output == 20);
  CHECK(alice.reasoning == 2);
  CHECK(alice.cost.text() == "0.3");
  CHECK(by_key->lines.at({{"bob"}, "CNY"}).cost.text() == "7");
  CHECK(by_key->lines.at({{""}, ""}).answers == 1);
  CHECK(by_key->totals.at("USD").cost.text() == "100000000000000.30000000000000001");
  CHECK(by_key->totals.at("USD").answers == 3);

  const auto by_model = report_usage({file.path}, {usage_group::model}, {}).value();
  CHECK(by_model.lines.at({{"big"}, "USD"}).answers == 2);
  CHECK(by_model.lines.at({{"small"}, "USD"}).answers == 1);

  const auto by_both = report_usage({file.path}, {usage_group::day, usage_group::key}, {}).value();
  CHECK(by_both.lines.at({{"2026-01-09", "alice"}, "USD"}).answers == 2);
  CHECK(by_both.lines.at({{"2026-01-10", "bob"}, "USD"}).answers == 1);
}

TEST_CASE("a span of time holds its first second and not its last") {
  const ledger_file file;
  file.add("1", "a", "m", noon - 1, "USD", "1");
  file.add("2", "a", "m", noon, "USD", "2");
  file.add("3", "a", "m", noon + 1, "USD", "4");
  const auto total = [&](const time_span& span) {
    const auto report = report_usage({file.path}, {}, span).value();
    return report.totals.empty() ? "none" : report.totals.at("USD").cost.text();
  };
  CHECK(total({}) == "7");
  CHECK(total({noon, noon + 1}) == "2");
  time_span open_end;
  open_end.since = noon;
  CHECK(total(open_end) == "6");
  CHECK(total({noon + 2, noon + 3}) == "none");
}

TEST_CASE("an answer in several ledgers counts once, the fuller one") {
  const ledger_file one;
  const ledger_file other;
  const ledger_file third;
  one.add("1", "a", "m", noon, "USD", "1");
  one.add("2", "a", "m", noon, "USD", "2", 10);
  other.add("2", "a", "m", noon, "USD", "3", 15);
  other.add("3", "a", "m", noon, "USD", "10");
  third.add("2", "a", "m", noon, "USD", "2", 11);
  third.add("4", "a", "m", noon + 1, "USD", "20");
  const auto report = report_usage({one.path, other.path, third.path}, {}, {noon, noon + 1});
  REQUIRE_MESSAGE(report.has_value(), report.error().message());
  CHECK(report->totals.at("USD").answers == 3);
  CHECK(report->totals.at("USD").cost.text() == "14");
  CHECK(report_usage({}, {}, {}).error().message() == "0 ledgers; 1 to 64 can be read at once");
  CHECK(report_usage({one.path, one.folder.path() / "none"}, {}, {}).error().code() ==
        errc::not_found);
  CHECK(report_usage(std::vector(64, one.path.string()), {}, {}).value().totals.at("USD").answers ==
        2);
  CHECK_FALSE(report_usage(std::vector(65, one.path.string()), {}, {}).has_value());
}

TEST_CASE("days are those of UTC") {
  CHECK(start_of_day("1970-01-01").value() == 0);
  CHECK(start_of_day("2026-01-09").value() == noon - 12 * hours);
  CHECK(start_of_day("2024-02-29").has_value());
  CHECK(day_of(-1) == "1969-12-31");
  CHECK(day_of(noon) == "2026-01-09");
  for (const char* wrong : {"", "2026-1-9", "2026-02-30", "2026-13-01", "2026-01-09T", "20260109",
                            "2026-00-10", "2026-01-00", "yesterday"})
    CHECK_FALSE(start_of_day(wrong).has_value());
}

TEST_CASE("money that is no number is a damaged ledger") {
  const ledger_file file;
  file.add("1", "a", "m", noon, "USD", "1");
  {
    auto table = usage_table::open(file.path);
    REQUIRE(table.has_value());
    REQUIRE(table->file().execute("UPDATE usage SET cost = 'lots'").has_value());
  }
  const auto report = report_usage({file.path}, {}, {});
  REQUIRE_FALSE(report.has_value());
  CHECK(report.error().code() == errc::corrupt);
  CHECK(report.error().message() ==
        file.path.string() + ": 1: 'lots' is not a decimal number such as 0.861");
}

}  // namespace troupe
