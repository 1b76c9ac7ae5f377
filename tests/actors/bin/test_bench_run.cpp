#include "actors/bin/bench_run.hpp"

#include <doctest/doctest.h>

#include <boost/json/array.hpp>
#include <set>

#include "tests/actors/bin/fake_model.hpp"

namespace troupe::cli {

TEST_CASE("a benchmark asks every prompt once and reports medians and the actors' share") {
  test::fake_service service([](const std::string&) { return std::string(1000, 'x'); });
  const bench_options options{
      .prompts = {64}, .streams = {1, 2}, .contexts = {16}, .decode_tokens = 8, .repetitions = 3};
  const auto lines = run_bench(service, 256, options, [](auto, auto) {});
  REQUIRE(lines.has_value());
  REQUIRE(lines->size() == 3);
  CHECK(lines->front().samples.size() == 3);
  CHECK(lines->front().host_share == doctest::Approx(0.25));
  // One warm-up, three prefills, three single decodes, three pairs.
  CHECK(service.requests.size() == 1 + 3 + 3 + 6);
  std::set<std::vector<token_id>> prompts;
  for (const auto& request : service.requests) {
    CHECK(request.ignore_eos);
    prompts.insert(request.prompt);
  }
  CHECK(prompts.size() == service.requests.size());
}

TEST_CASE("a benchmark stops at the engine's first error") {
  test::fake_service service(
      [](const std::string&) -> result<std::string> { return fail(errc::exhausted, "full"); });
  const auto lines = run_bench(service, 256, {}, [](auto, auto) {});
  REQUIRE_FALSE(lines.has_value());
  CHECK(lines.error().message() == "full");
}

TEST_CASE("results are a table for a person and JSON for a program") {
  const engine_description engine{
      .target = "AVX2", .threads = 2, .stages = 1, .expert_shards = 1, .activations = "integer"};
  const std::vector<bench_line> lines{{.test = "prefill",
                                       .prompt_tokens = 128,
                                       .streams = 1,
                                       .samples = {200},
                                       .tokens_per_second = 200,
                                       .host_share = 0.01},
                                      {.test = "decode",
                                       .prompt_tokens = 32,
                                       .streams = 16,
                                       .samples = {160},
                                       .tokens_per_second = 160,
                                       .host_share = 0.025}};
  const std::string text = to_text("small", engine, lines);
  CHECK(text.find("small: AVX2, threads 2, stages 1") == 0);
  CHECK(text.find("decode       32       16     160.0    100.00") != std::string::npos);
  CHECK(text.find("2.5 %") != std::string::npos);
  const auto json = to_json("small", engine, lines);
  CHECK(json.at("results").as_array().size() == 2);
}

}  // namespace troupe::cli
