#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <boost/json/serialize.hpp>
#include <memory>

#include "actors/bin/bench_run.hpp"
#include "actors/bin/commands.hpp"
#include "actors/bin/engine_start.hpp"
#include "actors/bin/interrupts.hpp"
#include "actors/bin/progress.hpp"

namespace troupe::cli {
namespace {

struct bench_command {
  engine_options engine;
  bench_options bench;
  bool json = false;
};

result<void> bench(bench_command& options) {
  const auto most = std::max_element(options.bench.streams.begin(), options.bench.streams.end());
  auto& sequences = options.engine.config().max_sequences;
  if (most != options.bench.streams.end()) sequences = std::max(sequences, *most);
  const interrupts signals{SIGINT, SIGTERM};
  auto engine = options.engine.start(signals);
  if (!engine) return fail(engine.error());
  signals.release();
  embedded_runtime& running = **engine;
  progress_line line(stderr, ::isatty(STDERR_FILENO) == 1);
  const auto results =
      run_bench(running, running.model()->files->config().vocab, options.bench,
                [&line](std::string_view test, double done) { line.show(test, done); });
  line.finish();
  if (!results) return fail(results.error());
  const std::string& name = running.model()->id;
  if (options.json)
    fmt::print("{}\n", boost::json::serialize(to_json(name, running.description(), *results)));
  else
    fmt::print("{}", to_text(name, running.description(), *results));
  return {};
}

}  // namespace

void add_bench(CLI::App& app, action& chosen) {
  const auto options = std::make_shared<bench_command>();
  bench_options& bench_settings = options->bench;
  CLI::App* command = app.add_subcommand("bench", "Measure prefill, decode and many streams");
  command->add_option("--prompts", bench_settings.prompts, "Lengths of prefill to measure, tokens")
      ->check(CLI::Range(1U, 1'000'000U))
      ->capture_default_str();
  command->add_option("--streams", bench_settings.streams, "Numbers of streams that decode at once")
      ->check(CLI::Range(1U, 4096U))
      ->capture_default_str();
  command->add_option("--decode-tokens", bench_settings.decode_tokens, "Tokens each stream draws")
      ->check(CLI::Range(2U, 100'000U))
      ->capture_default_str();
  command
      ->add_option("--repetitions", bench_settings.repetitions, "Measurements; the median counts")
      ->check(CLI::Range(1U, 1000U))
      ->capture_default_str();
  command->add_flag("--json", options->json, "Print JSON");
  options->engine.add_to(*command);
  command->footer("Example:\n  troupe bench --prompts 128 512 --streams 1 16 --json");
  command->callback([options, &chosen] { chosen = [options] { return bench(*options); }; });
}

}  // namespace troupe::cli
