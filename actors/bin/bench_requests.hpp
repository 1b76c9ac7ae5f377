#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <random>
#include <vector>

#include "actors/bin/bench_probe.hpp"

namespace troupe::cli {

/// Asks for continuations of random prompts, each different, so that nothing comes from the prefix
/// cache, and works out rates. For one thread.
class bench_requests {
 public:
  using probes = std::vector<std::shared_ptr<bench_probe>>;

  /// `vocabulary` is the number of tokens to draw prompts from; at least 1.
  bench_requests(generation_service& service, std::uint32_t vocabulary);

  /// Prompt tokens a second, from the submission of one prompt to its first token.
  [[nodiscard]] result<double> prefill(std::uint32_t prompt_tokens);
  /// Tokens a second of `streams` prompts together, each drawing `tokens` (at least 2), from when
  /// the last stream has begun to when the first ends; 0 where they never ran all at once.
  [[nodiscard]] result<double> decode(std::uint32_t streams, std::uint32_t prompt_tokens,
                                      std::uint32_t tokens);
  /// Only asks: a probe for each of `streams` prompts.
  [[nodiscard]] result<probes> submit(std::uint32_t streams, std::uint32_t prompt_tokens,
                                      std::uint32_t tokens);

 private:
  using stream_times = std::vector<std::vector<bench_probe::clock::time_point>>;

  result<stream_times> run(std::uint32_t streams, std::uint32_t prompt_tokens,
                           std::uint32_t tokens);

  generation_service& service_;
  std::mt19937_64 random_{20'240'601};
  std::uniform_int_distribution<token_id> token_;
};

}  // namespace troupe::cli
