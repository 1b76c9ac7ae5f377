#include "runtime/config/cluster_keys.hpp"

namespace troupe {

namespace {

void begin(config_schema& schema) {
  schema.begin_table("cluster",
                     "The model spread over processes, any of which may end while it is served.");
}

void describe_rest(config_schema& schema, cluster_config& config) {
  schema
      .integer("redundancy", config.redundancy, 1, 16,
               "Copies of everything in all: losing one fewer loses nothing; 1: none to spare.")
      .on_command_line("--redundancy", "N");
  schema
      .text("host", config.host, 255, "Address that nodes join; whoever reaches it can become one.")
      .on_command_line("--join-host", "ADDRESS");
  schema.integer("port", config.port, 0, 65'535, "Port that nodes join; 0: a free one.")
      .on_command_line("--join-port", "PORT");
  schema.integer("suspect_after_ms", config.suspect_after_ms, 50, 600'000,
                 "Silence after which a node gets nothing new, in milliseconds.");
  schema.integer("gone_after_ms", config.gone_after_ms, 100, 3'600'000,
                 "Silence after which the cluster goes on without a node, in milliseconds; a "
                 "gateway or node that hears nothing of its supervisor for so long looks for "
                 "another.");
  schema.integer(
      "rebalance_ms", config.rebalance_ms, 0, 3'600'000,
      "How often experts on nodes of their own that are chosen much more than others get "
      "copies on more of them, in milliseconds; 0: never.");
  schema.seconds("answers_kept_s", config.answers_kept, 1, 86'400,
                 "For as long an answer whose gateway is gone goes on, and one that has ended is "
                 "kept, for a client to come back for it.");
  describe(schema, config.data);
  describe(schema, config.tls);
}

}  // namespace

void describe(config_schema& schema, cluster_config& config) {
  begin(schema);
  schema
      .integer("workers", config.workers, 0, 1024,
               "Child processes that serve the model; 0: this process does.")
      .on_command_line("--workers", "N");
  schema
      .integer("expert_workers", config.expert_workers, 0, 1024,
               "More of them, which hold experts only; 0: experts stay with their layers.")
      .on_command_line("--expert-workers", "N");
  describe_rest(schema, config);
}

void describe_without_workers(config_schema& schema, cluster_config& config) {
  begin(schema);
  describe_rest(schema, config);
}

result<void> check(const cluster_config& config) {
  if (config.expert_workers > 0 && config.workers == 0)
    return fail(errc::invalid_argument,
                "cluster.expert_workers ({}) hold experts only: give cluster.workers for the rest",
                config.expert_workers);
  if (config.gone_after_ms > config.suspect_after_ms) return {};
  return fail(errc::invalid_argument,
              "cluster.gone_after_ms ({}) must be more than cluster.suspect_after_ms ({})",
              config.gone_after_ms, config.suspect_after_ms);
}

}  // namespace troupe
