#include "actors/bin/bench_workers.hpp"

#include <fmt/format.h>
#include <spdlog/logger.h>
#include <unistd.h>

#include <boost/json/serialize.hpp>
#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "actors/bin/bench_distribution.hpp"
#include "actors/bin/interrupts.hpp"
#include "actors/bin/local_cluster.hpp"
#include "actors/bin/logging.hpp"
#include "actors/bin/progress.hpp"

namespace troupe::cli {
namespace {

using clock = std::chrono::steady_clock;
using traffic = std::map<peer_id, node_traffic>;

/// For second copies to be whole, and for the nodes to say what they have sent.
constexpr std::chrono::seconds patience{60};
constexpr std::chrono::milliseconds look_period{5};

/// Looks again and again; false: not so within the time allowed.
template <class Condition>
bool until(const Condition& holds) {
  for (const auto deadline = clock::now() + patience; !holds();
       std::this_thread::sleep_for(look_period))
    if (clock::now() > deadline) return false;
  return true;
}

result<traffic> settled_traffic(const cluster_runtime& head) {
  const traffic before = head.traffic();
  traffic now;
  const auto told = [&] {
    now = head.traffic();
    return told_since(before, now);
  };
  if (until(told)) return now;
  return fail(errc::deadline_exceeded, "the workers have not said what they sent");
}

result<std::unique_ptr<local_cluster>> start_cluster(const std::filesystem::path& model,
                                                     const serve_config& config,
                                                     const interrupts& signals,
                                                     const std::shared_ptr<spdlog::logger>& log) {
  auto cluster = local_cluster::start(model, config, signals,
                                      [log](std::string_view line) { log->warn("{}", line); });
  if (!cluster) return cluster;
  if (auto serving = (*cluster)->await_serving(signals); !serving) return fail(serving.error());
  const bool whole = until([&] {
    signals.deliver();
    return config.cluster.redundancy == 1 || (*cluster)->head().view().redundant;
  });
  if (!whole) return fail(errc::deadline_exceeded, "the second copies were not whole in time");
  return cluster;
}

bench_setup setup_of(cluster_runtime& head, const engine_config& engine, std::uint32_t workers,
                     std::uint32_t copies) {
  const model_config& about = head.model()->files->config();
  const wire_model model{about.hidden,
                         {1, about.kv_heads, about.head_dim, engine.page_size, engine.kv}};
  bench_setup setup;
  setup.name = fmt::format("{} workers{}", workers, copies > 1 ? ", 2 copies" : "");
  setup.service = &head;
  setup.copies = copies;
  setup.traffic = [&head] { return settled_traffic(head); };
  setup.needed = needed_per_position(model, head.view().stages);
  return setup;
}

/// Of the keys and values, unless a setting says how much: twice what the tests need at once.
result<void> bound_memory(engine_options& engine, const bench_options& options) {
  engine_config& config = engine.config();
  if (config.kv_bytes > 0) return {};
  const auto path = engine.model();
  if (!path) return fail(path.error());
  const auto files = model_files::open(*path);
  if (!files) return fail(files.error());
  const model_config& about = (*files)->config();
  const kv_layout layout{about.layers, about.kv_heads, about.head_dim, config.page_size, config.kv};
  config.kv_bytes = positions_used(options, config.page_size) * layout.position_bytes();
  return {};
}

void print(const embedded_runtime& alone, std::uint32_t workers,
           const std::vector<bench_setup>& setups, const std::vector<distribution_line>& lines,
           bool json) {
  const std::string& name = alone.model()->id;
  if (!json) {
    fmt::print("{}{}", heading(name, alone.description()), to_text(setups, lines));
    return;
  }
  auto report = to_json(name, alone.description(), {});
  report["workers"] = workers;
  report["results"] = to_json(setups, lines);
  fmt::print("{}\n", boost::json::serialize(report));
}

}  // namespace

result<void> bench_workers(engine_options& engine, const bench_options& options,
                           std::uint32_t workers, bool json) {
  // Before any thread is made, so that none of them gets the signals.
  const interrupts signals{SIGINT, SIGTERM};
  serve_config config;
  config.log_level = "error";
  const auto log = start_log(config.log_level);
  if (auto bounded = bound_memory(engine, options); !bounded) return bounded;
  auto alone = engine.start(signals);
  if (!alone) return fail(alone.error());
  const auto model = engine.model();
  if (!model) return fail(model.error());
  config.engine = engine.config();
  config.cluster.workers = workers;
  std::vector<bench_setup> setups(1);
  setups.front().name = "one process";
  setups.front().service = alone->get();
  std::vector<std::unique_ptr<local_cluster>> clusters;
  for (std::uint32_t copies = 1; copies <= std::min(workers, 2U); ++copies) {
    config.cluster.redundancy = copies;
    auto cluster = start_cluster(*model, config, signals, log);
    if (!cluster) return fail(cluster.error());
    setups.push_back(setup_of((*cluster)->head(), config.engine, workers, copies));
    clusters.push_back(std::move(*cluster));
  }
  signals.release();
  progress_line line(stderr, ::isatty(STDERR_FILENO) == 1);
  const auto lines = run_distribution_bench(
      setups, (*alone)->model()->files->config().vocab, options,
      [&line](std::string_view test, double done) { line.show(test, done); });
  line.finish();
  if (!lines) return fail(lines.error());
  print(**alone, workers, setups, *lines, json);
  return {};
}

}  // namespace troupe::cli
