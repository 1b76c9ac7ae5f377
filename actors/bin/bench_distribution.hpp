#pragma once

#include <boost/json/array.hpp>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "actors/bin/bench_run.hpp"
#include "actors/bin/bench_wire.hpp"
#include "runtime/api/generation.hpp"
#include "runtime/base/result.hpp"

namespace troupe::cli {

/// A way of running the model that is measured beside others.
struct bench_setup {
  std::string name;  ///< "one process", "4 workers", "4 workers, 2 copies"
  generation_service* service = nullptr;
  std::uint32_t copies = 0;  ///< of everything, on workers; 0: one process has it
  /// What has been sent so far, told by every process after the call began; empty: nothing is.
  std::function<result<std::map<peer_id, node_traffic>>()> traffic;
  wire_bytes needed;  ///< for one position
};

/// What one test came to in one set-up.
struct distribution_cell {
  std::vector<double> samples;  ///< tokens a second, in the order measured
  std::uint64_t positions = 0;  ///< computed in all samples
  wire_bytes sent;              ///< for them

  [[nodiscard]] double rate() const;  ///< median
  /// The median of what each sample is of the other's taken just before or after it; 0 for none.
  [[nodiscard]] double share_of(const distribution_cell& other) const;
};

/// One test, in every set-up.
struct distribution_line {
  std::string test;  ///< "prefill" or "decode"
  std::uint32_t prompt_tokens = 0;
  std::uint32_t streams = 0;
  std::vector<distribution_cell> cells;  ///< in the order of the set-ups
};

/// Room for keys and values, in positions, that is enough for every test and that warming up fills:
/// what is measured then writes to memory that has been used before, as a service does that has run
/// for a while. `page_size`: positions.
[[nodiscard]] std::uint32_t positions_used(const bench_options& options, std::uint32_t page_size);

/// Measures what run_bench does, in every set-up in turn before the next repetition begins. The
/// first set-up is what the others are compared with.
[[nodiscard]] result<std::vector<distribution_line>> run_distribution_bench(
    std::span<const bench_setup> setups, std::uint32_t vocabulary, const bench_options& options,
    const bench_progress& progress);

/// What a second copy costs: the part of the throughput of the set-up with one copy that the one
/// with two has less. Nothing where one of them was not measured.
[[nodiscard]] std::optional<double> replication_cost(std::span<const bench_setup> setups,
                                                     const distribution_line& line);

[[nodiscard]] std::string to_text(std::span<const bench_setup> setups,
                                  const std::vector<distribution_line>& lines);
[[nodiscard]] boost::json::array to_json(std::span<const bench_setup> setups,
                                         const std::vector<distribution_line>& lines);

}  // namespace troupe::cli
