#pragma once

#include <boost/json/object.hpp>
#include <cstdint>
#include <string>
#include <vector>

#include "actors/bin/bench_run.hpp"
#include "runtime/api/generation.hpp"
#include "runtime/api/served_model.hpp"
#include "runtime/base/result.hpp"

namespace troupe::cli {

struct speculation_bench_options {
  std::uint32_t decode_tokens = 192;  ///< most drawn of each answer
  std::uint32_t repetitions = 3;
};

/// What guessing tokens did for one kind of text, or for all of them at once ("all").
struct speculation_line {
  std::string kind;
  std::uint32_t streams = 1;  ///< answers written at once
  std::uint64_t tokens = 0;   ///< drawn in one repetition
  std::vector<double> off;    ///< tokens a second without guesses, one a repetition
  std::vector<double> on;     ///< and with them, measured in turn
  std::uint64_t drafted = 0;  ///< tokens guessed, over all repetitions
  std::uint64_t accepted = 0;

  [[nodiscard]] double off_rate() const;  ///< median
  [[nodiscard]] double on_rate() const;   ///< median
};

/// Writes the answer to each of bench_texts() with guesses and without, in turn, alone and then all
/// at once; greedily, to its end or for decode_tokens. An engine that guesses nothing measures the
/// same twice. Fails with internal when an answer with guesses differs from the one without.
[[nodiscard]] result<std::vector<speculation_line>> run_speculation_bench(
    generation_service& service, const served_model& model,
    const speculation_bench_options& options, const bench_progress& progress);

[[nodiscard]] std::string to_text(const std::vector<speculation_line>& lines);
[[nodiscard]] boost::json::array to_json(const std::vector<speculation_line>& lines);

}  // namespace troupe::cli
