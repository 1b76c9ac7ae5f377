#include "runtime/config/autoscale_keys.hpp"

namespace troupe {

void describe(config_schema& schema, autoscale_config& config) {
  constexpr std::int64_t day = 86'400;
  constexpr std::int64_t most_nodes = 16'384;
  schema.begin_table("autoscale",
                     "Nodes that come and go with the load; each cause must last, and so must the "
                     "time between changes.");
  schema
      .choice<scale_means>("means", config.means,
                           {{"none", scale_means::none},
                            {"processes", scale_means::processes},
                            {"command", scale_means::command}},
                           "Who adds and removes nodes: \"none\", \"processes\" (of this machine), "
                           "or \"command\": an executable of yours.")
      .on_command_line("--autoscale", "MEANS");
  schema
      .text("command", config.command, 4096,
            "Called as FILE grow --count N --join ADDRESSES --model PATH, and FILE shrink NODE "
            "--host HOST.")
      .on_command_line("--autoscale-command", "FILE");
  schema.text("join", config.join, 4096,
              "HOST:PORT that new nodes join, with commas between; empty: this process's own.");
  schema
      .integer("least_nodes", config.least, 0, most_nodes,
               "Fewer are never left; 0: as many as the cluster begins with.")
      .on_command_line("--least-nodes", "N");
  schema.integer("most_nodes", config.most, 0, most_nodes, "More are never asked for.")
      .on_command_line("--most-nodes", "N");
  schema.integer("queued_high_ms", config.queued_high_ms, 1, 3'600'000,
                 "A request that waits for longer: too few nodes.");
  schema.integer("queued_low_ms", config.queued_low_ms, 0, 3'600'000,
                 "No request waits for longer: perhaps too many.");
  schema.integer("kv_high_percent", config.kv_high_percent, 1, 100,
                 "More of the memory for keys and values in use: too few nodes.");
  schema.integer("kv_low_percent", config.kv_low_percent, 0, 100,
                 "What may be in use with a node less.");
  schema.integer("busy_low_percent", config.busy_low_percent, 0, 100,
                 "What throughput may be with a node less, of the best that a node has shown.");
  schema.seconds("up_after_s", config.up_after, 0, day, "How long the load must be too high.");
  schema.seconds("down_after_s", config.down_after, 0, day, "How long it must be too low.");
  schema.seconds("up_cooldown_s", config.up_cooldown, 1, day,
                 "From a change until nodes are added; after a failure it doubles.");
  schema.seconds("down_cooldown_s", config.down_cooldown, 1, day,
                 "From a change until a node is removed.");
  schema.seconds("call_timeout_s", config.call_timeout, 1, day,
                 "For the executable; then it is killed, and its call has failed.");
  schema.seconds("join_timeout_s", config.join_timeout, 1, day,
                 "For nodes that were asked for to join; then the call has failed.");
  schema.seconds("drain_timeout_s", config.drain_timeout, 1, day,
                 "After which a drain is said to take too long.");
}

result<void> check(autoscale_config& config, std::uint32_t nodes) {
  if (config.means == scale_means::none) return {};
  if (config.least == 0) config.least = nodes;
  if (config.most < config.least) {
    return fail(errc::invalid_argument,
                "autoscale.most_nodes ({}) must be at least {}, the fewest nodes (give "
                "--most-nodes N)",
                config.most, config.least);
  }
  if (nodes > config.most) {
    return fail(errc::invalid_argument, "the cluster begins with {} nodes, and {} are the most",
                nodes, config.most);
  }
  if (config.means == scale_means::command && config.command.empty())
    return fail(errc::invalid_argument, "which executable? Give --autoscale-command FILE");
  if (config.queued_low_ms >= config.queued_high_ms) {
    return fail(errc::invalid_argument,
                "autoscale.queued_low_ms ({}) must be less than autoscale.queued_high_ms ({})",
                config.queued_low_ms, config.queued_high_ms);
  }
  if (config.kv_low_percent >= config.kv_high_percent) {
    return fail(errc::invalid_argument,
                "autoscale.kv_low_percent ({}) must be less than autoscale.kv_high_percent ({})",
                config.kv_low_percent, config.kv_high_percent);
  }
  return {};
}

}  // namespace troupe
