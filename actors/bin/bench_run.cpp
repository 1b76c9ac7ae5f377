#include "actors/bin/bench_run.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <random>

#include "actors/bin/bench_probe.hpp"

namespace troupe::cli {
namespace {

using clock = bench_probe::clock;
constexpr std::chrono::minutes patience{10};

double seconds(clock::duration d) { return std::chrono::duration<double>(d).count(); }

double median(std::vector<double> values) {
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  const std::size_t half = values.size() / 2;
  return values.size() % 2 == 1 ? values[half] : (values[half - 1] + values[half]) / 2;
}

/// Runs requests and works out rates.
class bench {
 public:
  bench(generation_service& service, std::uint32_t vocabulary)
      : service_(service), token_(0, static_cast<token_id>(std::max(vocabulary, 1U) - 1)) {}

  result<double> prefill(std::uint32_t prompt_tokens) {
    const auto start = clock::now();
    const auto times = run(1, prompt_tokens, 1);
    if (!times) return fail(times.error());
    return prompt_tokens / seconds(times->front().back() - start);
  }

  result<double> decode(std::uint32_t streams, std::uint32_t prompt_tokens, std::uint32_t tokens) {
    const auto times = run(streams, prompt_tokens, tokens);
    if (!times) return fail(times.error());
    auto begin = clock::time_point::min();
    auto end = clock::time_point::max();
    for (const auto& stream : *times) {
      begin = std::max(begin, stream.front());
      end = std::min(end, stream.back());
    }
    std::size_t counted = 0;
    for (const auto& stream : *times)
      counted += static_cast<std::size_t>(std::count_if(
          stream.begin(), stream.end(), [&](auto t) { return t > begin && t <= end; }));
    // Streams that never ran all at once have no such window.
    return end > begin ? static_cast<double>(counted) / seconds(end - begin) : 0;
  }

 private:
  using stream_times = std::vector<std::vector<clock::time_point>>;

  result<stream_times> run(std::uint32_t streams, std::uint32_t prompt_tokens,
                           std::uint32_t tokens) {
    std::vector<std::shared_ptr<bench_probe>> probes;
    for (std::uint32_t i = 0; i < streams; ++i) {
      generation_request request;
      for (std::uint32_t t = 0; t < prompt_tokens; ++t) request.prompt.push_back(token_(random_));
      request.sampling.temperature = 0;
      request.max_tokens = tokens;
      request.ignore_eos = true;
      probes.push_back(std::make_shared<bench_probe>());
      const auto id = service_.submit(std::move(request), probes.back());
      if (!id) return fail(id.error());
    }
    stream_times all;
    const auto deadline = clock::now() + patience;
    for (const auto& probe : probes) {
      auto times = probe->wait(deadline);
      if (!times) return fail(times.error());
      if (times->empty()) return fail(errc::internal, "a benchmark request drew no token");
      all.push_back(std::move(*times));
    }
    return all;
  }

  generation_service& service_;
  std::mt19937_64 random_{20'240'601};
  std::uniform_int_distribution<token_id> token_;
};

}  // namespace

result<std::vector<bench_line>> run_bench(generation_service& service, std::uint32_t vocabulary,
                                          const bench_options& options,
                                          const bench_progress& progress) {
  std::vector<bench_line> lines;
  for (const std::uint32_t length : options.prompts)
    lines.push_back({.test = "prefill", .prompt_tokens = length, .streams = 1, .samples = {}});
  for (const std::uint32_t streams : options.streams)
    lines.push_back({.test = "decode",
                     .prompt_tokens = options.prompt_of_stream,
                     .streams = streams,
                     .samples = {}});
  bench runner(service, vocabulary);
  // The first request pays for cold caches and lazily mapped weights.
  if (auto warm = runner.decode(1, options.prompt_of_stream, 8); !warm) return fail(warm.error());
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
    const engine_stats after = service.stats();
    const double steps = after.step_seconds - before.step_seconds;
    line.host_share = steps > 0 ? (after.host_seconds - before.host_seconds) / steps : 0;
    line.tokens_per_second = median(line.samples);
  }
  return lines;
}

}  // namespace troupe::cli
