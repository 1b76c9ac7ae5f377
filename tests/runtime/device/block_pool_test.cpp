#include "runtime/device/block_pool.hpp"

#include <doctest/doctest.h>

#include <cstdlib>
#include <memory>
#include <vector>

#include "runtime/device/batch_buckets.hpp"
#include "runtime/device/device_choice.hpp"

namespace troupe {
namespace {

/// Ordinary memory, counted, of which there is only so much.
struct counted {
  int out = 0;
  int most = 100;
  block_pool::source source() {
    return {[this](std::size_t bytes) -> std::byte* {
              if (out == most) return nullptr;
              ++out;
              return static_cast<std::byte*>(std::malloc(bytes));
            },
            [this](std::byte* data) {
              --out;
              std::free(data);
            }};
  }
};

}  // namespace

TEST_CASE("a pool keeps what comes back for the next of its size") {
  counted memory;
  {
    block_pool pool(memory.source(), 1U << 20U);
    std::byte* first = nullptr;
    {
      const auto lease = pool.lend(5000);
      first = lease.data();
      CHECK(pool.held() == 8192);
    }
    CHECK(memory.out == 1);
    const auto again = pool.lend(8192);
    CHECK(again.data() == first);
    const auto small = pool.lend(1);
    CHECK(pool.held() == 8192 + 4096);
    CHECK(memory.out == 2);
  }
  CHECK(memory.out == 0);
}

TEST_CASE("a pool holds no more than its bound, and gives back what lies idle first") {
  counted memory;
  block_pool pool(memory.source(), 16384);
  CHECK_FALSE(pool.lend(16385));
  CHECK_FALSE(pool.lend(~std::size_t{0}));
  { const auto idle = pool.lend(16384); }
  const auto a = pool.lend(4096);
  REQUIRE(a);
  CHECK(pool.held() == 4096);
  const auto b = pool.lend(8192);
  CHECK(b);
  CHECK_FALSE(pool.lend(8192));
  memory.most = memory.out;
  CHECK_FALSE(pool.lend(4096));
}

TEST_CASE("a lease may outlive its pool") {
  counted memory;
  block_pool::lease lease;
  {
    block_pool pool(memory.source(), 8192);
    lease = pool.lend(100);
    CHECK(lease);
  }
  CHECK(memory.out == 1);
  lease = {};
  CHECK(memory.out == 0);
}

TEST_CASE("a step runs in the smallest bucket that holds it") {
  const batch_buckets buckets(300);
  CHECK(buckets.of(0) == std::nullopt);
  CHECK(buckets.of(1) == 1U);
  CHECK(buckets.of(3) == 4U);
  CHECK(buckets.of(9) == 16U);
  CHECK(buckets.of(65) == 80U);
  CHECK(buckets.of(257) == 300U);
  CHECK(buckets.of(300) == 300U);
  CHECK(buckets.of(301) == std::nullopt);
  CHECK(batch_buckets(0).sizes().empty());
  CHECK(batch_buckets(1).sizes() == std::vector<std::uint32_t>{1});
  std::uint32_t before = 0;
  for (const std::uint32_t size : buckets.sizes()) {
    CHECK(size > before);
    before = size;
  }
}

TEST_CASE("devices are named cpu, cuda, cuda:N and auto") {
  using kind = device_choice::kind;
  CHECK(parse_device("cpu")->which == kind::cpu);
  CHECK(parse_device("auto")->which == kind::automatic);
  CHECK(parse_device("cuda")->which == kind::cuda);
  CHECK(parse_device("cuda:3")->index == 3);
  for (const char* wrong : {"", "gpu", "cuda:", "cuda:-1", "cuda:1x", "CPU", "cuda:99999999999"})
    CHECK(parse_device(wrong).error().code() == errc::invalid_argument);
}

TEST_CASE("the processors are always there, and a device that is not is an error") {
  REQUIRE_FALSE(describe_devices().empty());
  CHECK(describe_devices()[0].substr(0, 4) == "cpu:");
  const auto found = make_device({device_choice::kind::cpu, 0}, {.threads = 1});
  REQUIRE(found);
  CHECK((*found)->width() == 1);
  CHECK_FALSE(make_device({device_choice::kind::cuda, 1000}, {.threads = 1}));
  CHECK(make_device({device_choice::kind::automatic, 0}, {.threads = 1}));
}

}  // namespace troupe
