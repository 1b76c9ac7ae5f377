#include <fcntl.h>
#include <linux/close_range.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <memory>
#include <system_error>
#include <vector>

#include "actors/bin/commands.hpp"
#include "actors/bin/interrupts.hpp"
#include "actors/bin/logging.hpp"
#include "actors/bin/node_life.hpp"
#include "actors/bin/node_options.hpp"

namespace troupe::cli {
namespace {

worker_options for_runtime(const node_options& options) {
  worker_options out;
  out.join = options.join;
  out.model = options.model;
  out.name = options.name;
  out.threads = options.threads;
  out.actor_threads = options.actor_threads;
  out.memory_bytes = options.memory_mib << 20U;
  return out;
}

/// Begins this process anew: memory, threads and connections of its former life go with the old
/// image, whatever state they are in. Returns only where that fails.
error start_over(const node_options& options) {
  std::vector<std::string> words = command_line(options);
  std::vector<char*> arguments;
  arguments.reserve(words.size() + 1);
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  (void)::close_range(3, ~0U, CLOSE_RANGE_CLOEXEC);
  ::execv("/proc/self/exe", arguments.data());
  return {errc::io_error,
          fmt::format("cannot start over: {}", std::generic_category().message(errno))};
}

result<void> node(const node_options& options) {
  // Before any thread is made, so that none of them gets the signals.
  const interrupts signals{SIGINT, SIGTERM};
  const auto log = start_log(options.log_level,
                             options.name.empty() ? std::to_string(::getpid()) : options.name);
  std::string shown;
  const auto report = [&](std::string_view stage, double) {
    signals.deliver();
    if (stage != shown) log->debug("{}", stage);
    shown = stage;
  };
  node_world world;
  world.join = [&] { return worker_runtime::start(for_runtime(options), report); };
  world.signal = [&signals](std::chrono::milliseconds limit) {
    return signals.wait(limit.count());
  };
  world.now = [] { return std::chrono::steady_clock::now(); };
  world.say = [&log](std::string_view line) { log->info("{}", line); };
  const auto ended = live(world);
  if (!ended) return fail(ended.error());
  // Neither of these waits for the runtime to end: its peers find it gone at once.
  if (ended->how == node_end::kind::again) return fail(start_over(options));
  signals.release();
  if (ended->how == node_end::kind::signalled) (void)std::raise(ended->signal);
  return {};
}

}  // namespace

void add_node(CLI::App& app, action& chosen) {
  const auto options = std::make_shared<node_options>();
  CLI::App* command = app.add_subcommand("node", "Join a cluster and serve a part of its model");
  add_options(*command, *options);
  command->footer(
      "Example:\n  troupe node --join 127.0.0.1:7001 --name spare\n"
      "`troupe status` shows the address that a server's nodes join.");
  command->callback([options, &chosen] { chosen = [options] { return node(*options); }; });
}

}  // namespace troupe::cli
