#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <boost/json/serialize.hpp>
#include <iostream>
#include <memory>

#include "actors/bin/bench_lines.hpp"
#include "actors/bin/bench_run.hpp"
#include "actors/bin/bench_speculation.hpp"
#include "actors/bin/bench_workers.hpp"
#include "actors/bin/commands.hpp"
#include "actors/bin/engine_start.hpp"
#include "actors/bin/interrupts.hpp"
#include "actors/bin/profile_run.hpp"
#include "actors/bin/progress.hpp"

namespace troupe::cli {
namespace {

struct bench_command {
  engine_options engine;
  bench_options bench;
  bool json = false;
  bool lines = false;
  bool profile = false;
  std::uint32_t workers = 0;
};

result<void> profile(embedded_runtime& running, bench_command& options) {
  const auto limits = running.compute().measure_limits();
  if (!limits) return fail(limits.error());
  progress_line line(stderr, ::isatty(STDERR_FILENO) == 1);
  const auto results =
      run_profile(running, running.compute(), running.model()->files->config().vocab, options.bench,
                  [&line](std::string_view test, double done) { line.show(test, done); });
  line.finish();
  if (!results) return fail(results.error());
  if (options.json) {
    auto all = to_json(running.model()->id, running.description(), {});
    all.erase("results");
    all["profile"] = to_json(*limits, *results);
    fmt::print("{}\n", boost::json::serialize(all));
  } else {
    fmt::print("{}{}", heading(running.model()->id, running.description()),
               to_text(*limits, *results));
  }
  return {};
}

/// What is measured instead where the engine guesses tokens.
result<void> compare_speculation(embedded_runtime& running, const bench_command& options) {
  progress_line line(stderr, ::isatty(STDERR_FILENO) == 1);
  const auto results =
      run_speculation_bench(running, *running.model(), {.repetitions = options.bench.repetitions},
                            [&line](std::string_view text, double done) { line.show(text, done); });
  line.finish();
  if (!results) return fail(results.error());
  auto report = to_json(running.model()->id, running.description(), {});
  report["results"] = to_json(*results);
  if (options.json)
    fmt::print("{}\n", boost::json::serialize(report));
  else
    fmt::print("{}", to_text(*results));
  return {};
}

result<void> bench(bench_command& options) {
  const auto most = std::max_element(options.bench.streams.begin(), options.bench.streams.end());
  auto& sequences = options.engine.config().max_sequences;
  if (most != options.bench.streams.end()) sequences = std::max(sequences, *most);
  if (options.workers > 0)
    return bench_workers(options.engine, options.bench, options.workers, options.json);
  const interrupts signals{SIGINT, SIGTERM};
  auto engine = options.engine.start(signals);
  if (!engine) return fail(engine.error());
  signals.release();
  embedded_runtime& running = **engine;
  if (options.lines) {
    answer_bench_lines(
        running, running.model()->files->config().vocab,
        [&running] { return running.compute().measure_limits(); },
        to_json(running.model()->id, running.description(), {}), std::cin, std::cout);
    return {};
  }
  if (options.profile) return profile(running, options);
  if (options.engine.config().speculation.mode != speculation_mode::off)
    return compare_speculation(running, options);
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
  command->add_option("--contexts", bench_settings.contexts, "Tokens read before a stream decodes")
      ->check(CLI::Range(1U, 1'000'000U))
      ->capture_default_str();
  command->add_option("--decode-tokens", bench_settings.decode_tokens, "Tokens each stream draws")
      ->check(CLI::Range(2U, 100'000U))
      ->capture_default_str();
  command
      ->add_option("--repetitions", bench_settings.repetitions, "Measurements; the median counts")
      ->check(CLI::Range(1U, 1000U))
      ->capture_default_str();
  command->add_flag("--json", options->json, "Print JSON");
  auto* profiles = command->add_flag("--profile", options->profile,
                                     "Show where a step's time goes, by operation");
  auto* lines = command->add_flag("--lines", options->lines,
                                  "Measure what each line of standard input asks for, for scripts");
  command
      ->add_option("--workers", options->workers,
                   "Show what distribution costs: the same on so many worker processes of this "
                   "machine, with one copy of everything and with two, in turn with one process")
      ->check(CLI::Range(1U, 1024U))
      ->excludes(profiles, lines);
  options->engine.add_to(*command);
  command->footer(
      "Example:\n  troupe bench --prompts 128 512 --streams 1 16 --json\n"
      "  troupe bench --workers 4 --streams 16\n"
      "  echo '{\"test\": \"decode\", \"prompt_tokens\": 32, \"streams\": 4, \"tokens\": 64}' |"
      " troupe bench --lines");
  command->callback([options, command, &chosen] {
    if ((options->profile || options->workers > 0) && command->count("--prompts") == 0)
      options->bench.prompts = {512};
    if ((options->profile || options->workers > 0) && command->count("--streams") == 0)
      options->bench.streams = {1, 16};
    chosen = [options] { return bench(*options); };
  });
}

}  // namespace troupe::cli
