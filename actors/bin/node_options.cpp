#include "actors/bin/node_options.hpp"

namespace troupe::cli {

void add_options(CLI::App& command, node_options& options) {
  command.add_option("--join", options.join, "The address that the cluster's nodes join")
      ->required()
      ->type_name("HOST:PORT");
  command
      .add_option("--model", options.model,
                  "A GGUF file or a Hugging Face folder, the one that the cluster serves; default: "
                  "where the cluster has it")
      ->type_name("PATH");
  command
      .add_option("--name", options.name,
                  "What the cluster calls it; default: the host's name and the process id")
      ->type_name("NAME");
  command.add_option("--threads", options.threads, "Compute threads; 0: one a core")
      ->check(CLI::Range(0U, 1024U))
      ->type_name("N");
  command
      .add_option("--actor-threads", options.actor_threads, "Threads that run the actors' messages")
      ->check(CLI::Range(1U, 64U))
      ->type_name("N")
      ->capture_default_str();
  command
      .add_option("--memory-mib", options.memory_mib,
                  "Memory for weights, keys and values in MiB; 0: what is available")
      ->check(CLI::Range(std::uint64_t{0}, std::uint64_t{1} << 40U))
      ->type_name("MIB");
  command
      .add_option("--log-level", options.log_level,
                  "\"trace\", \"debug\", \"info\", \"warning\", \"error\" or \"off\"")
      ->check(CLI::IsMember({"trace", "debug", "info", "warning", "error", "off"}))
      ->type_name("LEVEL")
      ->capture_default_str();
}

std::vector<std::string> command_line(const node_options& options) {
  std::vector<std::string> words{"troupe", "node"};
  // In one word, so that a value may begin with a dash.
  const auto add = [&words](const char* option, const std::string& value) {
    words.push_back(std::string(option) + "=" + value);
  };
  add("--join", options.join);
  if (!options.model.empty()) add("--model", options.model);
  if (!options.name.empty()) add("--name", options.name);
  add("--threads", std::to_string(options.threads));
  add("--actor-threads", std::to_string(options.actor_threads));
  add("--memory-mib", std::to_string(options.memory_mib));
  add("--log-level", options.log_level);
  return words;
}

}  // namespace troupe::cli
