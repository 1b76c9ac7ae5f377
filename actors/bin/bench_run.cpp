#include "actors/bin/bench_run.hpp"

#include "actors/bin/bench_requests.hpp"
#include "actors/bin/median.hpp"

namespace troupe::cli {

result<std::vector<bench_line>> run_bench(generation_service& service, std::uint32_t vocabulary,
                                          const bench_options& options,
                                          const bench_progress& progress) {
  std::vector<bench_line> lines;
  for (const std::uint32_t length : options.prompts)
    lines.push_back({.test = "prefill", .prompt_tokens = length, .streams = 1, .samples = {}});
  for (const std::uint32_t context : options.contexts)
    for (const std::uint32_t streams : options.streams)
      lines.push_back(
          {.test = "decode", .prompt_tokens = context, .streams = streams, .samples = {}});
  bench_requests runner(service, vocabulary);
  // The first request pays for cold caches and lazily mapped weights.
  if (auto warm = runner.decode(1, 32, 8); !warm) return fail(warm.error());
  double done = 0;
  for (bench_line& line : lines) {
    progress(line.test, done++ / static_cast<double>(lines.size()));
    const engine_stats before = service.stats();
    for (std::uint32_t i = 0; i < options.repetitions; ++i) {
      const auto rate = line.test == "prefill" ? runner.prefill(line.prompt_tokens)
                                               : runner.decode(line.streams, line.prompt_tokens,
                                                               options.decode_tokens);
      if (!rate) return fail(rate.error());
      line.samples.push_back(*rate);
    }
    line.host_share = host_share(before, service.stats());
    line.tokens_per_second = median(line.samples);
  }
  return lines;
}

double host_share(const engine_stats& before, const engine_stats& after) {
  const double steps = after.step_seconds - before.step_seconds;
  return steps > 0 ? (after.host_seconds - before.host_seconds) / steps : 0;
}

}  // namespace troupe::cli
