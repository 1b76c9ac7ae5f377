#include <doctest/doctest.h>

#include <algorithm>
#include <future>

#include "runtime/device/cpu_device.hpp"
#include "runtime/device/profile_log.hpp"

namespace troupe {
namespace {

using namespace std::chrono_literals;
using kernels::cpu::task;
using kernels::cpu::task_cost;

constexpr profile_log::clock::time_point at(profile_log::clock::duration d) {
  return profile_log::clock::time_point(d);
}

TEST_CASE("calls of one operation add up, shapes and types of weights apart") {
  profile_log log;
  const task_cost small{.operation = "linear",
                        .type = kernels::dtype::q4_1,
                        .rows = 64,
                        .cols = 32,
                        .integer = true,
                        .bytes = 100,
                        .operations = 1000};
  task_cost large = small;
  large.rows = 128;
  log.add({.operation = "rms_norm", .bytes = 8}, at(0ms), at(1ms), 1ms, false);
  log.add(small, at(1ms), at(3ms), 2ms, false);
  log.add(small, at(3ms), at(5ms), 2ms, false);
  log.add(large, at(5ms), at(15ms), 10ms, false);
  const device_profile p = log.read();
  REQUIRE(p.operations.size() == 3);
  CHECK(p.operations[0].operation == "linear 128x32 Q4_1");
  const operation_profile& twice = p.operations[1];
  CHECK(twice.operation == "linear 64x32 Q4_1");
  CHECK(twice.calls == 2);
  CHECK(twice.seconds == doctest::Approx(0.004));
  CHECK(twice.bytes == 200);
  CHECK(twice.operations == 2000);
  CHECK(twice.integer);
  CHECK(p.operations[2].operation == "rms_norm");
  CHECK(p.seconds() == doctest::Approx(0.015));
}

TEST_CASE("time between tasks is told apart by its cause") {
  profile_log log;
  const task_cost work{.operation = "work"};
  const task_cost step{.operation = "begin_step", .starts_step = true};
  log.add(step, at(100ms), at(100ms), 0ms, true);  // nothing is known of the time before
  log.add(work, at(101ms), at(105ms), 3ms, false);
  log.add(work, at(107ms), at(108ms), 1ms, true);
  log.add(step, at(118ms), at(118ms), 0ms, true);
  const device_profile p = log.read();
  CHECK(p.steps == 2);
  CHECK(p.handover_seconds == doctest::Approx(0.001));
  CHECK(p.starved_seconds == doctest::Approx(0.002));
  CHECK(p.step_gap_seconds == doctest::Approx(0.010));
  CHECK(p.imbalance_seconds == doctest::Approx(0.001));
  CHECK(p.seconds() == doctest::Approx(0.018));
  log.clear();
  CHECK(log.read().operations.empty());
  CHECK(log.read().seconds() == 0);
}

task counted(std::uint32_t items) {
  const auto body = [](const void*, std::uint32_t, std::uint32_t, const kernels::cpu::worker&) {};
  task t = task::make(body, 7, items);
  t.cost = [](const void* params) {
    return task_cost{.operation = "seven",
                     .bytes = static_cast<double>(*static_cast<const int*>(params))};
  };
  return t;
}

TEST_CASE("a device's profile holds what was submitted between its start and its end") {
  for (const std::uint32_t threads : {1U, 3U}) {
    cpu_device device{{.threads = threads, .pin = false}};
    auto& stream = static_cast<kernels::cpu::stream&>(device.stream());
    std::chrono::steady_clock::time_point begun;
    stream.submit(counted(10));
    for (int round = 0; round < 2; ++round) {
      device.start_profile();
      device.begin_step(&begun);
      for (int i = 0; i < 20; ++i) stream.submit(counted(10));
      const auto p = device.stop_profile();
      REQUIRE(p.has_value());
      CHECK(p->steps == 1);
      const auto seven = std::ranges::find(p->operations, "seven", &operation_profile::operation);
      REQUIRE(seven != p->operations.end());
      CHECK(seven->calls == 20);
      CHECK(seven->bytes == 140);
      stream.submit(counted(10));
    }
    CHECK(begun > std::chrono::steady_clock::time_point());
    CHECK(device.counters().tasks >= 45);
  }
}

TEST_CASE("a device measures its limits") {
  cpu_device device{{.threads = 2, .pin = false}};
  const auto limits = device.measure_limits();
  REQUIRE(limits.has_value());
  CHECK(limits->read_bytes_per_second > 0);
  CHECK(limits->integer_per_second > 0);
  CHECK(limits->float_per_second > 0);
}

}  // namespace
}  // namespace troupe
