#include "runtime/device/cpu_stream.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <future>
#include <numeric>
#include <thread>
#include <vector>

#include "runtime/device/cpu_device.hpp"

namespace troupe {
namespace {

using kernels::cpu::task;
using kernels::cpu::worker;

struct add_params {
  std::uint64_t* values;
  std::uint64_t amount;
};

void add(const void* params, std::uint32_t begin, std::uint32_t end, const worker&) {
  const auto& p = *static_cast<const add_params*>(params);
  for (std::uint32_t i = begin; i < end; ++i) p.values[i] = p.values[i] * 3 + p.amount;
}

struct sum_params {
  const std::uint64_t* values;
  std::uint64_t* total;
  std::uint32_t count;
};

void sum(const void* params, std::uint32_t, std::uint32_t, const worker&) {
  const auto& p = *static_cast<const sum_params*>(params);
  *p.total = std::accumulate(p.values, p.values + p.count, std::uint64_t{0});
}

/// Waits until everything submitted so far is done.
void drain(cpu_device& d) {
  std::promise<void> reached;
  d.notify([&] { reached.set_value(); });
  REQUIRE(reached.get_future().wait_for(std::chrono::seconds(60)) == std::future_status::ready);
}

TEST_CASE("tasks run in order, and each sees what all pieces of the one before wrote") {
  for (const std::uint32_t threads : {1U, 2U, 4U}) {
    cpu_device device{{.threads = threads, .pin = false}};
    auto& stream = static_cast<kernels::cpu::stream&>(device.stream());
    constexpr std::uint32_t count = 257;
    std::vector<std::uint64_t> values(count, 1);
    std::vector<std::uint64_t> expected(count, 1);
    std::vector<std::uint64_t> totals(400, 0);
    for (std::uint64_t round = 0; round < totals.size(); ++round) {
      stream.submit(task::make(&add, add_params{values.data(), round}, count, 1 + round % 7));
      stream.submit(task::make(&sum, sum_params{values.data(), &totals[round], count}, 1));
    }
    drain(device);
    for (std::uint64_t round = 0; round < totals.size(); ++round) {
      for (auto& v : expected) v = v * 3 + round;
      REQUIRE(totals[round] == std::accumulate(expected.begin(), expected.end(), std::uint64_t{0}));
    }
  }
}

TEST_CASE("several threads may submit at once and nothing is lost") {
  cpu_device device{{.threads = 2, .pin = false}};
  auto& stream = static_cast<kernels::cpu::stream&>(device.stream());
  std::vector<std::uint64_t> counters(4, 0);
  const auto count_up = [](const void* params, std::uint32_t, std::uint32_t, const worker&) {
    ++**static_cast<std::uint64_t* const*>(params);
  };
  {
    std::vector<std::jthread> producers;
    producers.reserve(counters.size());
    for (auto& counter : counters) {
      producers.emplace_back([&stream, &counter, count_up] {
        std::uint64_t* target = &counter;
        for (int i = 0; i < 5000; ++i) stream.submit(task::make(count_up, target, 1));
      });
    }
  }
  drain(device);
  for (const auto& counter : counters) CHECK(counter == 5000);
}

TEST_CASE("a full ring holds the producer back until there is room") {
  std::atomic<bool> open = false;
  std::atomic<std::uint32_t> done = 0;
  struct gate_params {
    std::atomic<bool>* open;
    std::atomic<std::uint32_t>* done;
  };
  const auto pass = [](const void* params, std::uint32_t, std::uint32_t, const worker&) {
    const auto& p = *static_cast<const gate_params*>(params);
    while (!p.open->load()) std::this_thread::yield();
    p.done->fetch_add(1);
  };
  std::promise<void> submitted;
  cpu_stream stream({.threads = 1, .capacity = 8, .pin = false});
  std::jthread producer([&] {
    for (int i = 0; i < 20; ++i) stream.submit(task::make(pass, gate_params{&open, &done}, 1));
    submitted.set_value();
  });
  auto all_in = submitted.get_future();
  CHECK(all_in.wait_for(std::chrono::milliseconds(50)) == std::future_status::timeout);
  open.store(true);
  REQUIRE(all_in.wait_for(std::chrono::seconds(60)) == std::future_status::ready);
  producer.join();
  while (done.load() < 20) std::this_thread::yield();
}

TEST_CASE("destroying a stream finishes what was submitted") {
  std::vector<std::uint64_t> values(64, 0);
  {
    cpu_stream stream({.threads = 2, .capacity = 64, .pin = false});
    for (std::uint64_t i = 0; i < 1000; ++i)
      stream.submit(task::make(&add, add_params{values.data(), 1}, 64, 4));
  }
  for (const auto v : values) CHECK(v == values.front());
  CHECK(values.front() != 0);
}

TEST_CASE("a notification that was never waited for is released with the device") {
  auto token = std::make_shared<int>(7);
  std::weak_ptr<int> watch = token;
  {
    cpu_device device{{.threads = 1, .pin = false}};
    device.notify([kept = std::move(token)] { (void)kept; });
  }
  CHECK(watch.expired());
}

TEST_CASE("device memory is aligned, zeroed and writable") {
  cpu_device device{{.threads = 1, .pin = false}};
  const device_buffer buffer = device.allocate(10'000);
  CHECK(reinterpret_cast<std::uintptr_t>(buffer.data()) % 64 == 0);
  for (std::size_t i = 0; i < buffer.bytes(); ++i) REQUIRE(buffer.data()[i] == std::byte{0});
  buffer.data()[9'999] = std::byte{1};
  CHECK(device.allocate(0).data() == nullptr);
}

}  // namespace
}  // namespace troupe
