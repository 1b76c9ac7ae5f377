#include <doctest/doctest.h>

#include <atomic>
#include <caf/all.hpp>
#include <caf/io/all.hpp>
#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include "actors/cluster/ask_desk.hpp"
#include "actors/cluster/control.hpp"
#include "actors/cluster/member_process.hpp"

namespace troupe::test {
namespace {

constexpr auto answer_limit = std::chrono::seconds(5);

/// A desk that welcomes whoever asks.
join_desk_actor::behavior_type welcoming(join_desk_actor::pointer /*self*/,
                                         const gateway_welcome& gateways) {
  return {
      [](hello_atom, const node_hello&) { return node_welcome(); },
      [](join_atom, const node_hello&, const worker_actor&) { return node_welcome(); },
      [gateways](hello_atom, const gateway_hello&) { return gateways; },
      [gateways](join_atom, const gateway_hello&) { return gateways; },
      [](leave_atom, const std::string&) { return std::string(); },
  };
}

/// One that serves a test at a free port.
struct open_desk_process {
  cluster_system_config config{2, {}};
  caf::actor_system system{config};
  join_desk_actor desk = system.spawn(welcoming, gateway_welcome());
  std::string address =
      "127.0.0.1:" + std::to_string(open_desk(system, desk, "127.0.0.1", 0).value());

  ~open_desk_process() { caf::anon_send_exit(desk, caf::exit_reason::user_shutdown); }
};

/// A process's life: it asks until it is told otherwise. What went wrong, or nothing.
template <class Goes>
std::string live(const std::string& address, const Goes& goes_on) {
  cluster_system_config config{1, {}};
  caf::actor_system system{config};
  auto desk = find_desk(system, address);
  if (!desk) return desk.error().message();
  do {
    const auto answer = ask_desk<gateway_welcome>(system, *desk, answer_limit, "the desk",
                                                  hello_atom::value, gateway_hello());
    if (!answer) return answer.error().message();
  } while (goes_on());
  return {};
}

}  // namespace

// CAF names a connection by its descriptor. What it still had to do for one that had ended was done
// to the next of that descriptor, where messages came meanwhile: that one was never answered.
TEST_CASE("whoever joins while others come and go is answered") {
  constexpr int lives = 60;  // of each; CAF tells 256 systems of a process apart
  const open_desk_process head;
  std::atomic<bool> done = false;
  std::string stays;
  std::vector<std::string> come(3);
  {
    std::jthread busy([&] { stays = live(head.address, [&] { return !done.load(); }); });
    std::vector<std::jthread> comers;
    comers.reserve(come.size());
    for (std::string& failure : come) {
      comers.emplace_back([&failure, &head] {
        for (int i = 0; i < lives && failure.empty(); ++i)
          failure = live(head.address, [] { return false; });
      });
    }
    comers.clear();
    done = true;
  }
  CHECK_MESSAGE(stays.empty(), stays);
  for (const std::string& failure : come) CHECK_MESSAGE(failure.empty(), failure);
}

}  // namespace troupe::test
