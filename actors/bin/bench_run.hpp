#pragma once

#include <boost/json/object.hpp>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "actors/engine/embedded_runtime.hpp"
#include "runtime/base/result.hpp"

namespace troupe::cli {

/// What to measure.
struct bench_options {
  std::vector<std::uint32_t> prompts{128, 512};      ///< lengths of prefill, tokens
  std::vector<std::uint32_t> streams{1, 4, 16, 32};  ///< decoding at once
  std::vector<std::uint32_t> contexts{32};           ///< tokens read before a stream decodes
  std::uint32_t decode_tokens = 64;                  ///< drawn by each stream
  std::uint32_t repetitions = 3;
};

/// One line of the table: the median of its repetitions.
struct bench_line {
  std::string test;  ///< "prefill" or "decode"
  std::uint32_t prompt_tokens = 0;
  std::uint32_t streams = 0;
  std::vector<double> samples;  ///< tokens a second, all streams together, in the order measured
  double tokens_per_second = 0;
  double host_share = 0;  ///< actors' time as a share of the steps' time, 0 .. 1
};

/// Called before each measurement, for a person who waits.
using bench_progress = std::function<void(std::string_view test, double done)>;

/// Measures one after the other, each prompt length and each context with each number of streams,
/// as bench_requests does.
[[nodiscard]] result<std::vector<bench_line>> run_bench(generation_service& service,
                                                        std::uint32_t vocabulary,
                                                        const bench_options& options,
                                                        const bench_progress& progress);

/// The actors' time as a share of the steps' time between two readings, 0 .. 1.
[[nodiscard]] double host_share(const engine_stats& before, const engine_stats& after);

/// The line that says what was measured.
[[nodiscard]] std::string heading(const std::string& model, const engine_description& engine);
[[nodiscard]] std::string to_text(const std::string& model, const engine_description& engine,
                                  const std::vector<bench_line>& lines);
[[nodiscard]] boost::json::object to_json(const std::string& model,
                                          const engine_description& engine,
                                          const std::vector<bench_line>& lines);

}  // namespace troupe::cli
