#include <doctest/doctest.h>

#include <caf/all.hpp>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <utility>

#include "actors/local_exit.hpp"
#include "runtime/device/cpu_device.hpp"
#include "runtime/engine/team/team_device.hpp"

namespace troupe::test {
namespace {

constexpr auto patience = std::chrono::minutes(2);

using told = std::promise<std::pair<step_id, std::string>>;

/// Hears of the first step that ends; what it says of one with a result is empty.
batcher_actor::behavior_type listener(batcher_actor::pointer /*self*/,
                                      const std::shared_ptr<told>& first) {
  return {
      [](const serving_group&) {},
      [](const request_envelope&, const asker_actor&) {},
      [](cancel_atom, request_id) {},
      [first](const step_result& r) {
        first->set_value({r.id, ""});
      },
      [first](const step_failure& f) {
        first->set_value({f.step, f.why.message()});
      },
      [](const kv_durable&) {},
      [](const drafter_actor&) {},
      [](tick_atom) {},
      [](look_atom) {},
      [](prepared_atom) {},
  };
}

/// What the batcher hears of a step that leaves `d`.
std::pair<step_id, std::string> leave(device& d, step_id id) {
  caf::actor_system_config config;
  caf::actor_system system(config);
  const auto first = std::make_shared<told>();
  const batcher_actor batcher = system.spawn(listener, first);
  auto plan = std::make_shared<step_plan>();
  plan->id = id;
  const auto started = std::make_shared<std::chrono::steady_clock::time_point>();
  local_exit exit(attention_block_actor(), batcher);
  exit.leave(d, step_message{plan, nullptr, started},
             std::make_shared<step_inputs>(plan, std::vector<page_table>()));
  auto heard = first->get_future();
  REQUIRE(heard.wait_for(patience) == std::future_status::ready);
  caf::anon_send_exit(batcher, caf::exit_reason::user_shutdown);
  return heard.get();
}

}  // namespace

TEST_CASE("a step whose ranks lost each other fails and says which rank and epoch") {
  team_ranks ranks;
  for (int r = 0; r < 2; ++r)
    ranks.push_back(std::make_shared<cpu_device>(processor_use{.threads = 1, .pin = false}));
  team_device team(ranks, host_links(std::chrono::milliseconds(50)));
  team.begin_epoch(4);
  CHECK(leave(team, 1) == std::pair<step_id, std::string>{1, ""});

  const device_buffer x = team.allocate(64 * sizeof(float));
  {
    // Until the group has ended, rank 1 gets nowhere; then the step's end is near.
    std::promise<void> gate;
    ranks[1]->notify([&] { gate.get_future().wait(); });
    REQUIRE(team.complete_rows(x.as<float>(), 1, 64) == kernels::status::ok);
    const auto by = std::chrono::steady_clock::now() + patience;
    while (!team.fault() && std::chrono::steady_clock::now() < by) std::this_thread::yield();
    gate.set_value();
    const auto [step, why] = leave(team, 2);
    CHECK(step == 2);
    CHECK(why.find("rank 1") != std::string::npos);
    CHECK(why.find("epoch 4") != std::string::npos);
  }
  team.begin_epoch(5);
  CHECK(leave(team, 3) == std::pair<step_id, std::string>{3, ""});
}

}  // namespace troupe::test
