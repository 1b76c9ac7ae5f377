#include "actors/bin/node_life.hpp"

#include <fmt/format.h>

#include <csignal>
#include <string>
#include <utility>

#include "actors/bin/backoff.hpp"

namespace troupe::cli {
namespace {

constexpr std::chrono::milliseconds first_pause{50};
constexpr std::chrono::milliseconds most_pause{500};
/// How often the end is looked for.
constexpr std::chrono::milliseconds look_interval{20};
/// For as long the cluster may take to notice that the bearer of a name, perhaps this node's former
/// self, is gone.
constexpr std::chrono::seconds name_patience{30};
/// Lives shorter than this are followed by longer and longer pauses, so that a cluster that takes a
/// node in only to send it away is not asked without end.
constexpr std::chrono::seconds short_life{2};
constexpr std::chrono::milliseconds pause_after_short_lives{2'000};

/// Of a node that was asked to leave and has lost its supervisor.
constexpr std::chrono::seconds farewell_patience{1};

bool worth_another_try(errc code, std::chrono::steady_clock::duration tried) {
  switch (code) {
    case errc::unavailable:
    case errc::deadline_exceeded:
    case errc::exhausted:
      return true;
    case errc::already_exists:
      return tried < name_patience;
    default:
      return false;
  }
}

std::string farewell(worker_runtime::end why, const std::string& name) {
  if (why == worker_runtime::end::drained)
    return fmt::format("{} has been drained and leaves", name);
  return fmt::format("{} has lost the cluster's supervisor and joins again with what it holds",
                     name);
}

/// After a signal: lets the cluster drain the node where there is time for it, until a second
/// signal.
result<node_end> end_of(const node_world& world, node_end life) {
  if (life.signal != SIGTERM || world.drain_limit.count() == 0) return life;
  if (const auto asked = life.node->leave(); !asked) {
    world.say(fmt::format("{} ends at once: {}", life.node->name(), asked.error().message()));
    return life;
  }
  world.say(fmt::format("{} leaves once what it holds is elsewhere", life.node->name()));
  const auto until = world.now() + world.drain_limit;
  while (life.node->ended() == worker_runtime::end::none && world.now() < until)
    if (world.signal(look_interval) != 0) return life;
  // The word that it may go can come behind the end of its connection.
  const auto last_word = world.now() + farewell_patience;
  while (life.node->ended() == worker_runtime::end::lost && world.now() < last_word)
    if (world.signal(look_interval) != 0) return life;
  if (life.node->ended() != worker_runtime::end::drained) {
    world.say(fmt::format("{} ends before what it holds is elsewhere", life.node->name()));
    return life;
  }
  world.say(farewell(worker_runtime::end::drained, life.node->name()));
  life.how = node_end::kind::drained;
  return life;
}

/// The node, or the signal that came before there was one.
result<node_end> join(const node_world& world) {
  backoff pause(first_pause, most_pause);
  const auto begun = world.now();
  std::string said;
  while (true) {
    auto node = world.join();
    if (node) return node_end{node_end::kind::drained, 0, std::move(*node)};
    const error& why = node.error();
    if (!worth_another_try(why.code(), world.now() - begun)) return fail(why);
    if (why.message() != said) world.say(why.message() + "; trying until it works");
    said = why.message();
    if (const int signal = world.signal(pause.next()); signal != 0)
      return node_end{node_end::kind::signalled, signal, nullptr};
  }
}

}  // namespace

result<node_end> live(const node_world& world) {
  backoff short_lives(first_pause, pause_after_short_lives);
  while (true) {
    auto life = join(world);
    if (!life || life->how == node_end::kind::signalled) return life;
    worker_runtime& node = *life->node;
    const auto since = world.now();
    const auto signalled = [&](std::chrono::milliseconds limit) {
      life->signal = world.signal(limit);
      if (life->signal != 0) life->how = node_end::kind::signalled;
      return life->signal != 0;
    };
    world.say(fmt::format("{} has joined the cluster", node.name()));
    if (world.joined) world.joined();
    while (node.ended() == worker_runtime::end::none)
      if (signalled(look_interval)) return end_of(world, std::move(*life));
    const auto why = node.ended();
    world.say(farewell(why, node.name()));
    if (why == worker_runtime::end::drained) return life;
    if (world.now() - since >= short_life) short_lives.reset();
    if (signalled(short_lives.next())) return life;
    if (node.retire()) continue;
    life->how = node_end::kind::again;
    return life;
  }
}

}  // namespace troupe::cli
