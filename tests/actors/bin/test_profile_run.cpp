#include "actors/bin/profile_run.hpp"

#include <doctest/doctest.h>

#include <boost/json/array.hpp>

#include "runtime/device/cpu_device.hpp"
#include "tests/actors/bin/fake_model.hpp"

namespace troupe::cli {
namespace {

device_profile sample_profile() {
  device_profile p;
  p.operations = {{"linear 64x32 Q4_1", 60, 0.002, 40e6, 8e9, true},
                  {"begin_step", 2, 0.0, 0, 0, false}};
  p.steps = 2;
  p.handover_seconds = 0.0005;
  p.step_gap_seconds = 0.0015;
  p.imbalance_seconds = 0.0002;
  return p;
}

constexpr device_limits limits{40e9, 8e12, 100e9};

}  // namespace

TEST_CASE("a profile asks for each test as often as wanted, after a warm-up") {
  test::fake_service service([](const std::string&) { return std::string(1000, 'x'); });
  cpu_device compute{{.threads = 1, .pin = false}};
  const bench_options options{
      .prompts = {64}, .streams = {1, 3}, .contexts = {16}, .decode_tokens = 8, .repetitions = 2};
  const auto lines = run_profile(service, compute, 256, options, [](auto, auto) {});
  REQUIRE(lines.has_value());
  REQUIRE(lines->size() == 3);
  CHECK(lines->at(0).test == "prefill");
  CHECK(lines->at(2).streams == 3);
  CHECK(service.requests.size() == 1 + 2 + 2 + 6);
}

TEST_CASE("a profile stops at the engine's first error") {
  test::fake_service service(
      [](const std::string&) -> result<std::string> { return fail(errc::exhausted, "full"); });
  cpu_device compute{{.threads = 1, .pin = false}};
  const auto lines = run_profile(service, compute, 256, {}, [](auto, auto) {});
  REQUIRE_FALSE(lines.has_value());
  CHECK(lines.error().message() == "full");
}

TEST_CASE("an operation's share of the limit is that of its scarcer resource") {
  operation_profile o{"x", 1, 0.002, 40e6, 0, true};
  CHECK(share_of_limit(o, limits) == doctest::Approx(0.5));
  o.operations = 12e9;
  CHECK(share_of_limit(o, limits) == doctest::Approx(0.75));
  o.integer = false;
  o.operations = 0.15e9;
  CHECK(share_of_limit(o, limits) == doctest::Approx(0.75));
  o.seconds = 0;
  CHECK(share_of_limit(o, limits) == 0);
}

TEST_CASE("counts are what was added between two readings") {
  profile_counts counts;
  counts.add({{10, 1, 1}, 5, 0, 7}, {{20, 2, 4}, 6, 2, 10});
  counts.add({{20, 2, 4}, 6, 2, 10}, {{21, 2, 4}, 6, 2, 11});
  CHECK(counts.device.tasks == 11);
  CHECK(counts.device.sleeps == 1);
  CHECK(counts.device.wakes == 3);
  CHECK(counts.compute_yields == 1);
  CHECK(counts.compute_preempts == 2);
  CHECK(counts.actor_yields == 4);
}

TEST_CASE("a profile is a table for a person and JSON for a program") {
  const std::vector<profile_line> lines{{.test = "decode",
                                         .prompt_tokens = 32,
                                         .streams = 16,
                                         .profile = sample_profile(),
                                         .counts = {{700, 5, 4}, 6, 1, 8}}};
  const std::string text = to_text(limits, lines);
  CHECK(text.find("limits: memory 40.0 GB/s, integers 8000 GOP/s, float32 100 GOP/s") == 0);
  CHECK(text.find("decode: context 32, streams 16, steps 2") != std::string::npos);
  CHECK(text.find("linear 64x32 Q4_1") != std::string::npos);
  CHECK(text.find("30.0    1.000   50.0 %  20.0  4000.0    50.0 %") != std::string::npos);
  CHECK(text.find("37.5 %") != std::string::npos);  // waiting for the next step
  CHECK(
      text.find("a step: tasks 350.0, compute sleeps 2.5, compute wakes 2.0, compute switches 3.0, "
                "compute preempted 0.5, actor switches 4.0") != std::string::npos);
  const auto json = to_json(limits, lines);
  const auto& entry = json.at("profiles").as_array().at(0).as_object();
  CHECK(entry.at("steps").to_number<int>() == 2);
  CHECK(entry.at("seconds").as_double() == doctest::Approx(0.004));
  CHECK(entry.at("step_gap_seconds").as_double() == doctest::Approx(0.0015));
  CHECK(entry.at("sleeps").to_number<int>() == 5);
  CHECK(entry.at("operations").as_array().size() == 2);
}

}  // namespace troupe::cli
