#include "actors/bin/bench_distribution.hpp"

#include <algorithm>
#include <utility>

#include "actors/bin/bench_requests.hpp"
#include "actors/bin/median.hpp"

namespace troupe::cli {
namespace {

/// Measures one set-up, keeping the last reading of what it has sent.
class measurer {
 public:
  measurer(const bench_setup& setup, std::uint32_t vocabulary)
      : setup_(setup), requests_(*setup.service, vocabulary) {}

  /// The first requests pay for cold caches, lazily mapped weights and memory never used before.
  result<void> warm_up(std::uint32_t positions, std::uint32_t prompt) {
    for (std::uint32_t read = 0; read < positions; read += prompt)
      if (auto warm = requests_.prefill(prompt); !warm) return fail(warm.error());
    return read_traffic();
  }

  result<void> measure(const distribution_line& line, std::uint32_t tokens,
                       distribution_cell& cell) {
    const bool prefill = line.test == "prefill";
    const auto rate = prefill ? requests_.prefill(line.prompt_tokens)
                              : requests_.decode(line.streams, line.prompt_tokens, tokens);
    if (!rate) return fail(rate.error());
    cell.samples.push_back(*rate);
    // The last token that is drawn is computed no more.
    const std::uint64_t drawn = prefill ? 1 : tokens;
    cell.positions += line.streams * (line.prompt_tokens + drawn - 1);
    const auto before = traffic_;
    if (auto read = read_traffic(); !read) return read;
    const wire_bytes sent = sent_between(before, traffic_);
    cell.sent.activations += sent.activations;
    cell.sent.keys_and_values += sent.keys_and_values;
    cell.sent.rest += sent.rest;
    return {};
  }

 private:
  result<void> read_traffic() {
    if (!setup_.traffic) return {};
    auto now = setup_.traffic();
    if (!now) return fail(now.error());
    traffic_ = std::move(*now);
    return {};
  }

  const bench_setup& setup_;
  bench_requests requests_;
  std::map<peer_id, node_traffic> traffic_;
};

std::vector<distribution_line> tests_of(const bench_options& options, std::size_t setups) {
  std::vector<distribution_line> lines;
  for (const std::uint32_t length : options.prompts)
    lines.push_back({.test = "prefill",
                     .prompt_tokens = length,
                     .streams = 1,
                     .cells = std::vector<distribution_cell>(setups)});
  for (const std::uint32_t context : options.contexts)
    for (const std::uint32_t streams : options.streams)
      lines.push_back({.test = "decode",
                       .prompt_tokens = context,
                       .streams = streams,
                       .cells = std::vector<distribution_cell>(setups)});
  return lines;
}

}  // namespace

std::uint32_t positions_used(const bench_options& options, std::uint32_t page_size) {
  const kv_layout layout{.page_size = page_size};
  std::uint32_t most = 0;
  for (const distribution_line& line : tests_of(options, 0)) {
    const std::uint32_t drawn = line.test == "prefill" ? 1 : options.decode_tokens;
    most = std::max(most, line.streams * layout.pages_for(line.prompt_tokens + drawn));
  }
  return 2 * most * page_size;
}

double distribution_cell::rate() const { return median(samples); }

double distribution_cell::share_of(const distribution_cell& other) const {
  std::vector<double> shares;
  for (std::size_t i = 0; i < std::min(samples.size(), other.samples.size()); ++i)
    if (other.samples[i] > 0) shares.push_back(samples[i] / other.samples[i]);
  return median(std::move(shares));
}

result<std::vector<distribution_line>> run_distribution_bench(std::span<const bench_setup> setups,
                                                              std::uint32_t vocabulary,
                                                              const bench_options& options,
                                                              const bench_progress& progress) {
  std::vector<measurer> measurers;
  measurers.reserve(setups.size());
  auto lines = tests_of(options, setups.size());
  std::uint32_t prompt = 1;
  for (const distribution_line& line : lines) prompt = std::max(prompt, line.prompt_tokens);
  for (const bench_setup& setup : setups) {
    auto& fresh = measurers.emplace_back(setup, vocabulary);
    if (auto warm = fresh.warm_up(2 * positions_used(options, 1), prompt); !warm)
      return fail(warm.error().within(setup.name));
  }
  double done = 0;
  for (distribution_line& line : lines) {
    progress(line.test, done++ / static_cast<double>(lines.size()));
    for (std::uint32_t i = 0; i < options.repetitions; ++i)
      for (std::size_t s = 0; s < setups.size(); ++s)
        if (auto one = measurers[s].measure(line, options.decode_tokens, line.cells[s]); !one)
          return fail(one.error().within(setups[s].name));
  }
  return lines;
}

std::optional<double> replication_cost(std::span<const bench_setup> setups,
                                       const distribution_line& line) {
  const distribution_cell* one = nullptr;
  const distribution_cell* two = nullptr;
  for (std::size_t i = 0; i < setups.size(); ++i) {
    if (setups[i].copies == 1) one = &line.cells[i];
    if (setups[i].copies == 2) two = &line.cells[i];
  }
  if (one == nullptr || two == nullptr || one->samples.empty() || two->samples.empty())
    return std::nullopt;
  return 1 - two->share_of(*one);
}

}  // namespace troupe::cli
