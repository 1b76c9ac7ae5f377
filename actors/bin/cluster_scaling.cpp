#include "actors/bin/cluster_scaling.hpp"

#include <algorithm>
#include <system_error>
#include <utility>

#include "actors/bin/scale_command.hpp"
#include "actors/bin/scale_workers.hpp"
#include "runtime/config/autoscale_keys.hpp"

namespace troupe::cli {
namespace {

using clock = std::chrono::steady_clock;

/// Where nodes are this machine's, others are not waited for.
constexpr std::chrono::seconds local_settle{3};

scaling_control::limits limits_of(const autoscale_config& config) {
  constexpr double percent = 100;
  constexpr double milli = 1000;
  scaling_control::limits l;
  l.policy.least = config.least;
  l.policy.most = config.most;
  l.policy.queued_high = std::chrono::duration<double>(config.queued_high_ms / milli);
  l.policy.queued_low = std::chrono::duration<double>(config.queued_low_ms / milli);
  l.policy.kv_high = config.kv_high_percent / percent;
  l.policy.kv_low = config.kv_low_percent / percent;
  l.policy.busy_low = config.busy_low_percent / percent;
  l.policy.up_after = config.up_after;
  l.policy.down_after = config.down_after;
  l.policy.up_cooldown = config.up_cooldown;
  l.policy.down_cooldown = config.down_cooldown;
  l.settle = config.means == scale_means::processes ? clock::duration(local_settle)
                                                    : clock::duration(config.join_timeout);
  l.join_within = config.join_timeout;
  l.drain_within = config.drain_timeout;
  l.first_pause = config.up_cooldown;
  l.most_pause = std::max(l.most_pause, l.first_pause);
  return l;
}

result<std::unique_ptr<scale_provider>> provider_of(const autoscale_config& config,
                                                    scaled_head& of) {
  if (config.means == scale_means::processes)
    return make_worker_provider(*of.spare.kept, std::move(of.spare.all));
  std::error_code ignored;
  return make_command_provider(
      {config.command, config.join.empty() ? of.head.join_address() : config.join,
       std::filesystem::absolute(of.model, ignored).string(), config.call_timeout});
}

std::optional<clock::time_point> earlier(std::optional<clock::time_point> a,
                                         std::optional<clock::time_point> b) {
  if (!a || !b) return a ? a : b;
  return std::min(*a, *b);
}

}  // namespace

result<void> check_scaling(autoscale_config& config, std::uint32_t nodes) {
  if (auto done = check(config, nodes); !done) return done;
  if (config.means != scale_means::command) return {};
  auto file = runnable_file(config.command);
  if (!file) return fail(std::move(file.error()));
  config.command = std::move(*file);
  return {};
}

std::uint32_t most_nodes(const autoscale_config& config) {
  return config.means == scale_means::none ? 0 : config.most;
}

result<std::unique_ptr<scaling_loop>> start_scaling(const autoscale_config& config,
                                                    scaled_head of) {
  if (config.means == scale_means::none) return nullptr;
  auto provider = provider_of(config, of);
  if (!provider) return fail(std::move(provider.error()));
  scaled_cluster cluster;
  cluster_runtime& head = of.head;
  cluster.view = [&head] { return head.view(); };
  cluster.stats = [&head] { return head.stats(); };
  cluster.waiting_since = [&head, queue = std::move(of.queue)] {
    return earlier(head.waiting_since(), queue ? queue->waiting_since() : std::nullopt);
  };
  cluster.drain = [&head](const std::string& node) { return head.drain(node); };
  cluster.note = [&head](const std::string& line) { head.note(line); };
  cluster.show = [&head](cluster_view::scaling_state now) { head.show_scaling(std::move(now)); };
  return scaling_loop::start(std::make_unique<scaling_driver>(
      limits_of(config), std::move(*provider), std::move(cluster)));
}

}  // namespace troupe::cli
