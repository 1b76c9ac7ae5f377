#include "actors/bin/node_options.hpp"

#include <algorithm>

#include "actors/bin/serve_config.hpp"
#include "runtime/config/cache_keys.hpp"
#include "runtime/config/engine_keys.hpp"

namespace troupe::cli {

void describe(config_schema& schema, node_options& options) {
  schema.begin_table("node", "A part of a cluster's model.");
  describe_join(schema, options.join);
  describe_member_name(schema, "name", options.name);
  schema
      .text("model", options.model, 4096,
            "A GGUF file or a Hugging Face folder, the one that the cluster serves; empty: where "
            "the cluster has it.")
      .on_command_line("--model", "PATH");
  schema
      .text(
          "weights_cache", options.weights_cache, 4096,
          "A folder for weights that come from peers where the model's files are not here; empty: "
          "in the user's cache; \"none\": none come.")
      .on_command_line("--weights-cache", "FOLDER");
  describe_devices(schema, options);
  schema
      .integer("turns", options.turns, 1, 1024,
               "Nodes that compute in turn on the same processors, this one among them: from 2 on, "
               "threads that wait for work sleep at once.")
      .on_command_line("--turns", "N");
  schema
      .integer("actor_threads", options.actor_threads, 1, 64,
               "Threads that run the actors' messages.")
      .on_command_line("--actor-threads", "N");
  schema
      .integer("memory_mib", options.memory_mib, 0, std::int64_t{1} << 40U,
               "Memory for weights, keys and values in MiB; 0: what is available.")
      .on_command_line("--memory-mib", "MIB");
  schema
      .choice<bool>(
          "role", options.experts_only, {{"any", false}, {"experts", true}},
          "\"any\", or \"experts\": it holds experts only. Where a node of the first placement "
          "does, experts live apart from their layers.")
      .on_command_line("--role", "ROLE");
  schema
      .seconds("stop_timeout_s", options.stop_timeout, 0, 86'400,
               "For the cluster to move away what is here after SIGTERM; 0: the node ends at once.")
      .on_command_line("--stop-timeout", "SECONDS");
  schema.begin_table("cache",
                     "Where keys and values of prompts are kept besides the device. None of it "
                     "changes an answer.");
  describe_tiers(schema, options.tiers);
  describe(schema, options.data);
  describe(schema, options.tls);
  describe_log(schema, options.log_level, options.log_as);
}

std::vector<std::string> command_line(const node_options& options) {
  std::vector<std::string> words{"troupe", "node"};
  // In one word, so that a value may begin with a dash.
  const auto add = [&words](const char* option, const std::string& value) {
    words.push_back(std::string(option) + "=" + value);
  };
  add("--join", options.join);
  if (!options.model.empty()) add("--model", options.model);
  if (!options.weights_cache.empty()) add("--weights-cache", options.weights_cache);
  if (!options.name.empty()) add("--name", options.name);
  add("--device", options.device);
  if (options.tensor_parallel > 1)
    add("--tensor-parallel", std::to_string(options.tensor_parallel));
  add("--threads", std::to_string(options.threads));
  if (options.graph_rows != node_options().graph_rows)
    add("--graph-rows", std::to_string(options.graph_rows));
  if (options.turns > 1) add("--turns", std::to_string(options.turns));
  add("--actor-threads", std::to_string(options.actor_threads));
  add("--memory-mib", std::to_string(options.memory_mib));
  if (options.experts_only) add("--role", "experts");
  if (options.stop_timeout.count() != 0)
    add("--stop-timeout", std::to_string(options.stop_timeout.count() / 1000));
  if (options.tiers.host_bytes != 0)
    add("--cache-host-mib", std::to_string(options.tiers.host_bytes >> 20U));
  if (!options.tiers.folder.empty()) {
    add("--cache-folder", options.tiers.folder);
    add("--cache-disk-mib",
        std::to_string(std::max<std::uint64_t>(1, options.tiers.disk_bytes >> 20U)));
  }
  if (options.data.transports != data_plane().transports)
    add("--data-transports", options.data.transports);
  if (!options.data.devices.empty()) add("--data-devices", options.data.devices);
  if (!options.tls.certificate.empty()) add("--tls-certificate", options.tls.certificate);
  if (!options.tls.key.empty()) add("--tls-key", options.tls.key);
  if (!options.tls.authority.empty()) add("--tls-authority", options.tls.authority);
  add("--log-level", options.log_level);
  if (options.log_as == log_format::json) add("--log-format", "json");
  return words;
}

}  // namespace troupe::cli
