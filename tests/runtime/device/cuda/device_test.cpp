#include <atomic>
#include <cstring>
#include <vector>

#include "kernels/api/norm.hpp"
#include "runtime/device/cuda/cuda_stream.hpp"
#include "runtime/device/cuda/pinned.hpp"
#include "tests/runtime/device/cuda/gpu.hpp"

namespace troupe {
namespace {

using kernels::status;

cuda_stream& stream_of(device& d) { return static_cast<cuda_stream&>(d.stream()); }

bool drain(device& d) {
  const auto passed = std::make_shared<std::atomic<bool>>(false);
  d.notify([passed] { passed->store(true); });
  return test::soon([&] { return passed->load(); });
}

}  // namespace

TEST_CASE("memory begins with zeros, and the host may write to it") {
  const auto gpu = test::first_gpu();
  if (gpu == nullptr) return;
  const device_buffer memory = gpu->allocate(1U << 20U);
  CHECK(std::all_of(memory.data(), memory.data() + memory.bytes(),
                    [](std::byte b) { return b == std::byte{0}; }));
  std::memset(memory.data(), 7, 100);
  const device_buffer copy = gpu->allocate(1U << 20U);
  REQUIRE(stream_of(*gpu).copy({copy.data(), memory.data(), memory.bytes()}) == status::ok);
  REQUIRE(drain(*gpu));
  CHECK(copy.data()[99] == std::byte{7});
  CHECK(copy.data()[100] == std::byte{0});
}

TEST_CASE("calls to the host come in the stream's order") {
  const auto gpu = test::first_gpu();
  if (gpu == nullptr) return;
  std::vector<int> seen;
  for (int i = 0; i < 50; ++i) gpu->notify([&seen, i] { seen.push_back(i); });
  REQUIRE(drain(*gpu));
  for (int i = 0; i < 50; ++i) CHECK(seen.at(i) == i);
}

TEST_CASE("a captured graph does again what was captured, on the same addresses") {
  const auto gpu = test::first_gpu();
  if (gpu == nullptr) return;
  const device_buffer x = gpu->allocate(64 * sizeof(float));
  const device_buffer weight = gpu->allocate(64 * sizeof(float));
  const device_buffer out = gpu->allocate(64 * sizeof(float));
  std::fill_n(weight.as<float>(), 64, 1.0F);
  const auto graph = stream_of(*gpu).capture([&] {
    return gpu->kernels().rms_norm(
        gpu->stream(),
        {x.as<float>(), weight.as<float>(), {out.as<float>(), nullptr, 64}, 0, 1, 64});
  });
  REQUIRE(graph.has_value());
  CHECK(out.as<float>()[0] == 0);
  for (const float value : {2.0F, -5.0F}) {
    std::fill_n(x.as<float>(), 64, value);
    REQUIRE(stream_of(*gpu).replay(*graph) == status::ok);
    REQUIRE(drain(*gpu));
    CHECK(out.as<float>()[63] == (value > 0 ? 1.0F : -1.0F));
  }
}

TEST_CASE("events say how far the stream is, and how long it took") {
  const auto gpu = test::first_gpu();
  if (gpu == nullptr) return;
  auto begin = cuda_event::make();
  auto end = cuda_event::make();
  REQUIRE(begin.has_value());
  REQUIRE(end.has_value());
  REQUIRE(begin->record(stream_of(*gpu).get()).has_value());
  const device_buffer memory = gpu->allocate(64U << 20U);
  REQUIRE(stream_of(*gpu).copy({memory.data(), memory.data() + (32U << 20U), 32U << 20U}) ==
          status::ok);
  REQUIRE(end->record(stream_of(*gpu).get()).has_value());
  REQUIRE(test::soon([&] { return end->passed().value_or(false); }));
  CHECK(end->seconds_since(*begin).value_or(-1) > 0);
}

TEST_CASE("a device records beside its stream, which goes on, and submits what it recorded") {
  const auto gpu = test::first_gpu();
  if (gpu == nullptr) return;
  CHECK(gpu->recorded_rows() == 8);
  const device_buffer from = gpu->allocate_shared(64);
  const device_buffer to = gpu->allocate(64);
  const device_buffer back = gpu->allocate_shared(64);
  std::memset(back.data(), 0, back.bytes());
  const auto copies = [&](kernels::stream& s) {
    const status there = gpu->kernels().copy(s, {to.data(), from.data(), 64});
    return there == status::ok ? gpu->kernels().copy(s, {back.data(), to.data(), 64}) : there;
  };
  auto recorded = gpu->record(copies);
  REQUIRE(recorded.has_value());
  REQUIRE(drain(*gpu));
  CHECK(back.data()[0] == std::byte{0});
  for (const int value : {3, 4}) {
    std::memset(from.data(), value, from.bytes());
    REQUIRE((*recorded)->replay() == status::ok);
    REQUIRE(drain(*gpu));
    CHECK(back.data()[63] == static_cast<std::byte>(value));
  }
  CHECK_FALSE(gpu->record([](kernels::stream&) { return status::unsupported; }).has_value());
  recorded->reset();
  CHECK(drain(*gpu));
}

TEST_CASE("a profile times what is submitted meanwhile") {
  const auto gpu = test::first_gpu();
  if (gpu == nullptr) return;
  const device_buffer from = gpu->allocate(1U << 24U);
  const device_buffer to = gpu->allocate(1U << 24U);
  gpu->start_profile();
  CHECK(gpu->recorded_rows() == 0);
  for (int i = 0; i < 3; ++i)
    REQUIRE(gpu->kernels().copy(gpu->stream(), {to.data(), from.data(), from.bytes()}) ==
            status::ok);
  const auto profile = gpu->stop_profile();
  REQUIRE(profile.has_value());
  REQUIRE(profile->operations.size() == 1);
  CHECK(profile->operations[0].calls == 3);
  CHECK(profile->operations[0].bytes == doctest::Approx(6.0 * (1U << 24U)));
  CHECK(profile->operations[0].seconds > 0);
  const auto limits = gpu->measure_limits();
  REQUIRE(limits.has_value());
  CHECK(limits->read_bytes_per_second > 0);
  CHECK(limits->float_per_second > 0);
}

TEST_CASE("pinned memory is pooled") {
  const auto gpu = test::first_gpu();
  if (gpu == nullptr) return;
  block_pool pool = make_pinned_pool(1U << 20U);
  const auto lease = pool.lend(70000);
  REQUIRE(lease);
  std::memset(lease.data(), 3, 70000);
  const device_buffer memory = gpu->allocate(70000);
  REQUIRE(stream_of(*gpu).copy({memory.data(), lease.data(), 70000}) == status::ok);
  REQUIRE(drain(*gpu));
  CHECK(memory.data()[69999] == std::byte{3});
}

}  // namespace troupe
