#include "actors/bin/usage_text.hpp"

#include <doctest/doctest.h>

namespace troupe::cli {
namespace {

usage_totals totals(std::uint64_t answers, std::string_view cost) {
  usage_totals t;
  t.answers = answers;
  t.input = 1000;
  t.cached = 200;
  t.created = 30;
  t.output = 50;
  t.reasoning = 6;
  t.cost = amount::parse(cost).value();
  return t;
}

usage_report example() {
  usage_report r;
  r.lines[{{"2026-01-09", "ops, night"}, "USD"}] = totals(2, "0.00000000000000001");
  r.lines[{{"2026-01-10", ""}, ""}] = totals(1, "0");
  r.totals["USD"] = totals(2, "0.00000000000000001");
  r.totals[""] = totals(1, "0");
  return r;
}

}  // namespace

TEST_CASE("groups are read in their order, each once") {
  CHECK(parse_groups("day,key").value() == std::vector{usage_group::day, usage_group::key});
  CHECK(parse_groups("model").value() == std::vector{usage_group::model});
  CHECK(parse_groups("total").value().empty());
  for (const char* wrong : {"", "days", "day,", ",day", "day,day", "total,day"})
    CHECK_FALSE(parse_groups(wrong).has_value());
}

TEST_CASE("a span of days holds both") {
  const auto span = parse_days("2026-01-09", "2026-01-09").value();
  CHECK(span.until - span.since == 86'400);
  CHECK(day_of(span.since) == "2026-01-09");
  CHECK(parse_days("", "").value().until == time_span().until);
  CHECK(parse_days("", "soon").error().message() ==
        "--until: 'soon' is not a day such as 2026-01-31");
}

TEST_CASE("a table of usage ends with totals") {
  CHECK(to_text(example(), {usage_group::day, usage_group::key}) ==
        "day                key  answers  input  cached  output  reasoning                 cost  "
        "currency\n"
        "2026-01-09  ops, night        2   1000     200      50          6  0.00000000000000001  "
        "     USD\n"
        "2026-01-10           -        1   1000     200      50          6                    -  "
        "       -\n"
        "total                         1   1000     200      50          6                    -  "
        "       -\n"
        "total                         2   1000     200      50          6  0.00000000000000001  "
        "     USD\n");
  CHECK(to_text({}, {}) == "No usage.\n");
}

TEST_CASE("totals alone have a table, too") {
  usage_report r;
  r.lines[{{}, "USD"}] = totals(2, "1.5");
  r.totals["USD"] = totals(2, "1.5");
  CHECK(to_text(r, {}) ==
        "       answers  input  cached  output  reasoning  cost  currency\n"
        "total        2   1000     200      50          6   1.5       USD\n");
  CHECK(to_csv(r, {}) ==
        "answers,input_tokens,cached_tokens,cache_creation_tokens,output_tokens,reasoning_tokens,"
        "cost,currency\r\n"
        "2,1000,200,30,50,6,1.5,USD\r\n");
}

TEST_CASE("CSV quotes what needs it") {
  usage_report r = example();
  r.lines[{{"2026-01-11", "say \"hi\""}, "USD"}] = totals(3, "7");
  CHECK(to_csv(r, {usage_group::day, usage_group::key}) ==
        "day,key,answers,input_tokens,cached_tokens,cache_creation_tokens,output_tokens,"
        "reasoning_tokens,cost,currency\r\n"
        "2026-01-09,\"ops, night\",2,1000,200,30,50,6,0.00000000000000001,USD\r\n"
        "2026-01-10,,1,1000,200,30,50,6,,\r\n"
        "2026-01-11,\"say \"\"hi\"\"\",3,1000,200,30,50,6,7,USD\r\n");
}

}  // namespace troupe::cli
