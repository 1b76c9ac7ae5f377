#include <doctest/doctest.h>

#include <atomic>
#include <condition_variable>
#include <future>
#include <mutex>
#include <string>
#include <vector>

#include "tests/runtime/engine/team/teams.hpp"

namespace troupe::test {
namespace {

using kernels::status;

constexpr std::uint32_t cols = 64;

/// Holds a rank's stream until it is let go.
class held_stream {
 public:
  explicit held_stream(device& d) {
    d.notify([gate = gate_] { gate->get_future().wait(); });
  }
  ~held_stream() { gate_->set_value(); }

 private:
  std::shared_ptr<std::promise<void>> gate_ = std::make_shared<std::promise<void>>();
};

/// A product that the ranks of a team share, again and again.
struct shared_product {
  explicit shared_product(device& d)
      : on(d), x(d.allocate(cols * sizeof(float))), y(d.allocate(cols * sizeof(float))) {
    for (std::uint32_t i = 0; i < cols; ++i) given[i] = static_cast<float>(i % 5) - 2;
    REQUIRE(d.kernels().copy(d.stream(), {x.data(), given.data(), x.bytes()}) == status::ok);
    for (std::size_t i = 0; i < weights.size(); ++i) weights[i] = static_cast<float>(i % 11) - 5;
  }
  status submit() {
    const kernels::matrix w{reinterpret_cast<const std::byte*>(weights.data()), nullptr,
                            kernels::dtype::f32, cols, cols};
    return on.kernels().linear(
        on.stream(), {{x.as<float>(), nullptr, cols}, w, nullptr, nullptr, y.as<float>(), 1, cols});
  }
  /// What it gave, once every rank has passed it.
  std::vector<float> result() {
    std::promise<void> passed;
    on.notify([&] { passed.set_value(); });
    REQUIRE(passed.get_future().wait_for(patient) == std::future_status::ready);
    return {y.as<float>(), y.as<float>() + cols};
  }

  device& on;
  std::vector<float> given = std::vector<float>(cols);
  device_buffer x, y;
  std::vector<float> weights = std::vector<float>(std::size_t{cols} * cols);
};

std::vector<float> expected() {
  cpu_device one{{.threads = 1, .pin = false}};
  shared_product p(one);
  REQUIRE(p.submit() == status::ok);
  return p.result();
}

/// The team's fault, once there is one.
error fault_of(device& d) {
  const auto by = std::chrono::steady_clock::now() + patient;
  while (!d.fault() && std::chrono::steady_clock::now() < by) std::this_thread::yield();
  REQUIRE(d.fault().has_value());
  return *d.fault();
}

}  // namespace

TEST_CASE("a rank that stalls ends its group in time, and the next epoch has the right bits") {
  std::mutex lock;
  std::vector<error> told;
  team_ranks ranks;
  for (int r = 0; r < 2; ++r)
    ranks.push_back(std::make_shared<cpu_device>(processor_use{.threads = 1, .pin = false}));
  team_device team(ranks, host_links(std::chrono::milliseconds(100)), [&](const error& why) {
    const std::lock_guard guard(lock);
    told.push_back(why);
  });
  team.begin_epoch(7);
  shared_product p(team);
  REQUIRE(p.submit() == status::ok);
  CHECK(p.result() == expected());
  CHECK_FALSE(team.fault());
  {
    const held_stream stalled(*ranks[1]);
    REQUIRE(p.submit() == status::ok);
    const error why = fault_of(team);
    CHECK(why.code() == errc::deadline_exceeded);
    CHECK(why.message().find("rank 1") != std::string::npos);
    CHECK(why.message().find("epoch 7") != std::string::npos);
    // The other rank is free again, though this one is not.
    std::promise<void> free;
    ranks[0]->notify([&] { free.set_value(); });
    CHECK(free.get_future().wait_for(patient) == std::future_status::ready);
    CHECK(p.submit() == status::device_error);
    team.begin_epoch(7);  // no newer
    CHECK(p.submit() == status::device_error);
  }
  team.begin_epoch(8);
  REQUIRE(p.submit() == status::ok);
  CHECK(p.result() == expected());
  CHECK_FALSE(team.fault());
  const std::lock_guard guard(lock);
  CHECK(told.size() == 1);
}

TEST_CASE("a rank that dies in the middle of work leaves nobody waiting") {
  const built_team built = team_of_processors(4);
  team_device& team = *built.team;
  team.begin_epoch(1);
  shared_product p(team);
  {
    const held_stream stalled(*built.ranks[2]);
    for (int i = 0; i < 3; ++i) REQUIRE(p.submit() == status::ok);
    team.abort({errc::unavailable, "rank 2 of epoch 1 has gone"});
    for (const std::uint32_t r : {0U, 1U, 3U}) {
      std::promise<void> free;
      built.ranks[r]->notify([&] { free.set_value(); });
      CHECK(free.get_future().wait_for(patient) == std::future_status::ready);
    }
    CHECK(fault_of(team).message().find("rank 2 of epoch 1") != std::string::npos);
  }
  team.begin_epoch(2);
  for (int i = 0; i < 3; ++i) REQUIRE(p.submit() == status::ok);
  CHECK(p.result() == expected());
}

TEST_CASE("two threads that submit to a team keep its ranks in step") {
  const built_team built = team_of_processors(2);
  const std::vector<float> right = expected();
  std::atomic<int> wrong = 0;
  const auto work = [&] {
    shared_product p(*built.team);
    for (int i = 0; i < 200; ++i)
      if (p.submit() != status::ok) ++wrong;
    if (p.result() != right) ++wrong;
  };
  std::jthread other(work);
  work();
  other.join();
  CHECK(wrong == 0);
  CHECK_FALSE(built.team->fault());
}

}  // namespace troupe::test
