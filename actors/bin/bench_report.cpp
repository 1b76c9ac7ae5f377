#include <fmt/format.h>

#include <boost/json/array.hpp>

#include "actors/bin/bench_run.hpp"
#include "actors/bin/table.hpp"

namespace troupe::cli {

std::string heading(const std::string& model, const engine_description& engine) {
  return fmt::format("{}: {}, threads {}, stages {}, expert shards {}, activations {}\n", model,
                     engine.target, engine.threads, engine.stages, engine.expert_shards,
                     engine.activations);
}

std::string to_text(const std::string& model, const engine_description& engine,
                    const std::vector<bench_line>& lines) {
  std::vector<std::vector<std::string>> rows{
      {"test", "prompt", "streams", "tokens/s", "ms/token", "actors' share"}};
  for (const bench_line& line : lines) {
    const double rate = line.tokens_per_second;
    rows.push_back({line.test, std::to_string(line.prompt_tokens), std::to_string(line.streams),
                    fmt::format("{:.1f}", rate),
                    rate > 0 ? fmt::format("{:.2f}", 1000 * line.streams / rate) : "-",
                    fmt::format("{:.1f} %", 100 * line.host_share)});
  }
  return heading(model, engine) + align(rows, true);
}

boost::json::object to_json(const std::string& model, const engine_description& engine,
                            const std::vector<bench_line>& lines) {
  boost::json::array results;
  for (const bench_line& line : lines)
    results.push_back(boost::json::object{
        {"test", line.test},
        {"prompt_tokens", line.prompt_tokens},
        {"streams", line.streams},
        {"tokens_per_second", line.tokens_per_second},
        {"samples", boost::json::array(line.samples.begin(), line.samples.end())},
        {"host_share", line.host_share}});
  return {{"model", model},
          {"target", engine.target},
          {"threads", engine.threads},
          {"stages", engine.stages},
          {"expert_shards", engine.expert_shards},
          {"activations", engine.activations},
          {"weight_bytes", engine.weight_bytes},
          {"results", std::move(results)}};
}

}  // namespace troupe::cli
