#include "actors/bin/bench_speculation.hpp"

#include <doctest/doctest.h>

#include <boost/json/array.hpp>
#include <string>

#include "actors/bin/bench_texts.hpp"
#include "tests/actors/bin/fake_model.hpp"

namespace troupe::cli {

TEST_CASE("every text is answered without guesses and with them in turn, then all at once") {
  test::fake_service service([](const std::string&) { return std::string(1000, 'x'); });
  const auto model = test::byte_model(4000);
  const auto lines = run_speculation_bench(service, *model, {.decode_tokens = 8, .repetitions = 2},
                                           [](auto, auto) {});
  REQUIRE(lines);
  const std::size_t texts = bench_texts().size();
  REQUIRE(lines->size() == texts + 1);
  CHECK(lines->front().off.size() == 2);
  CHECK(lines->front().on.size() == 2);
  CHECK(lines->back().kind == "all");
  CHECK(lines->back().streams == texts);
  CHECK(lines->back().tokens == 8 * texts);
  // A warm-up of every text, then two repetitions with and without, alone and together.
  REQUIRE(service.requests.size() == texts + 4 * texts + 4 * texts);
  CHECK_FALSE(service.requests[texts].speculate);
  CHECK(service.requests[texts + 1].speculate);
}

TEST_CASE("answers that differ with guesses are reported") {
  int asked = 0;
  test::fake_service service(
      [&asked](const std::string&) { return std::string(10, ++asked % 2 == 0 ? 'x' : 'y'); });
  const auto lines = run_speculation_bench(
      service, *test::byte_model(4000), {.decode_tokens = 8, .repetitions = 1}, [](auto, auto) {});
  REQUIRE_FALSE(lines);
  CHECK(lines.error().code() == errc::internal);
  CHECK(lines.error().message().find("differs") != std::string::npos);
}

TEST_CASE("the comparison is a table for a person and JSON for a program") {
  const std::vector<speculation_line> lines{{.kind = "edit",
                                             .streams = 1,
                                             .tokens = 100,
                                             .off = {90, 100, 110},
                                             .on = {240, 250, 260},
                                             .drafted = 80,
                                             .accepted = 60},
                                            {.kind = "story", .off = {}, .on = {}}};
  const std::string text = to_text(lines);
  CHECK(text.find("text ") == 0);
  CHECK(text.find("100.0  250.0   2.50       80  75.0 %") != std::string::npos);
  const auto json = to_json(lines);
  CHECK(json.at(0).at("accepted").as_uint64() == 60);
  CHECK(json.at(0).at("on").as_array().size() == 3);
}

}  // namespace troupe::cli
