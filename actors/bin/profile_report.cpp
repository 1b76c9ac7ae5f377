#include <fmt/format.h>

#include <algorithm>
#include <boost/json/array.hpp>

#include "actors/bin/profile_run.hpp"
#include "actors/bin/table.hpp"

namespace troupe::cli {
namespace {

using table = std::vector<std::vector<std::string>>;

/// What happens outside operations, or beside them, with its seconds.
struct remark {
  std::string text;
  std::string_view key;
  double seconds = 0;
};

std::vector<remark> idle_times(const device_profile& p) {
  return {{"between tasks", "handover", p.handover_seconds},
          {"waiting for work in a step", "starved", p.starved_seconds},
          {"waiting for the next step", "step_gap", p.step_gap_seconds}};
}

/// All operations as one, whose limit is the sum of theirs.
double reachable_seconds(const device_profile& p, const device_limits& limits) {
  double total = 0;
  for (const operation_profile& o : p.operations) total += o.seconds * share_of_limit(o, limits);
  return total;
}

struct named_count {
  std::string_view text;
  std::string_view key;
  std::uint64_t count = 0;
};

std::vector<named_count> counts_of(const profile_counts& c) {
  return {{"tasks", "tasks", c.device.tasks},
          {"compute sleeps", "sleeps", c.device.sleeps},
          {"compute wakes", "wakes", c.device.wakes},
          {"compute switches", "compute_yields", c.compute_yields},
          {"compute preempted", "compute_preempts", c.compute_preempts},
          {"actor switches", "actor_yields", c.actor_yields}};
}

/// What happened in a step besides arithmetic.
std::string counts_line(const profile_line& line) {
  const auto steps = static_cast<double>(std::max<std::uint64_t>(line.profile.steps, 1));
  std::string out = "a step:";
  for (const named_count& c : counts_of(line.counts))
    out += fmt::format("{} {} {:.1f}", out.ends_with(':') ? "" : ",", c.text,
                       static_cast<double>(c.count) / steps);
  return out + '\n';
}

std::string percent(double share) { return fmt::format("{:.1f} %", 100 * share); }

std::string rate(double amount, double seconds) {
  return amount > 0 && seconds > 0 ? fmt::format("{:.1f}", amount / seconds * 1e-9) : "-";
}

void add_table(table& rows, const profile_line& line, const device_limits& limits) {
  const device_profile& p = line.profile;
  const double all = p.seconds();
  const auto steps = static_cast<double>(std::max<std::uint64_t>(p.steps, 1));
  const auto a_step = [&](double seconds) { return fmt::format("{:.3f}", 1000 * seconds / steps); };
  const auto share = [&](double seconds) { return percent(all > 0 ? seconds / all : 0); };
  double bytes = 0;
  double operations = 0;
  for (const operation_profile& o : p.operations) {
    bytes += o.bytes;
    operations += o.operations;
    rows.push_back({o.operation, fmt::format("{:.1f}", static_cast<double>(o.calls) / steps),
                    a_step(o.seconds), share(o.seconds), rate(o.bytes, o.seconds),
                    rate(o.operations, o.seconds),
                    o.bytes > 0 ? percent(share_of_limit(o, limits)) : "-"});
  }
  for (const remark& r : idle_times(p))
    rows.push_back({r.text, "", a_step(r.seconds), share(r.seconds)});
  rows.push_back({"total", "", a_step(all), share(all), rate(bytes, all), rate(operations, all),
                  percent(all > 0 ? reachable_seconds(p, limits) / all : 0)});
  rows.push_back({"of it, threads waiting for each other", "", a_step(p.imbalance_seconds),
                  share(p.imbalance_seconds)});
}

}  // namespace

std::string to_text(const device_limits& limits, const std::vector<profile_line>& lines) {
  std::string out =
      fmt::format("limits: memory {:.1f} GB/s, integers {:.0f} GOP/s, float32 {:.0f} GOP/s\n",
                  limits.read_bytes_per_second * 1e-9, limits.integer_per_second * 1e-9,
                  limits.float_per_second * 1e-9);
  for (const profile_line& line : lines) {
    out += line.test == "prefill"
               ? fmt::format("\nprefill: prompt {}, steps {}\n", line.prompt_tokens,
                             line.profile.steps)
               : fmt::format("\ndecode: context {}, streams {}, steps {}\n", line.prompt_tokens,
                             line.streams, line.profile.steps);
    table rows{{"operation", "calls", "ms/step", "share", "GB/s", "GOP/s", "of limit"}};
    add_table(rows, line, limits);
    out += align(rows, true) + counts_line(line);
  }
  return out;
}

boost::json::object to_json(const device_limits& limits, const std::vector<profile_line>& lines) {
  boost::json::array profiles;
  for (const profile_line& line : lines) {
    const device_profile& p = line.profile;
    boost::json::array operations;
    for (const operation_profile& o : p.operations)
      operations.push_back(boost::json::object{{"operation", o.operation},
                                               {"calls", o.calls},
                                               {"seconds", o.seconds},
                                               {"bytes", o.bytes},
                                               {"operations", o.operations},
                                               {"integer", o.integer},
                                               {"share_of_limit", share_of_limit(o, limits)}});
    boost::json::object entry{{"test", line.test},
                              {"prompt_tokens", line.prompt_tokens},
                              {"streams", line.streams},
                              {"steps", p.steps},
                              {"seconds", p.seconds()},
                              {"reachable_seconds", reachable_seconds(p, limits)},
                              {"imbalance_seconds", p.imbalance_seconds},
                              {"operations", std::move(operations)}};
    for (const remark& r : idle_times(p)) entry[fmt::format("{}_seconds", r.key)] = r.seconds;
    for (const named_count& c : counts_of(line.counts)) entry[c.key] = c.count;
    profiles.push_back(std::move(entry));
  }
  return {{"read_bytes_per_second", limits.read_bytes_per_second},
          {"integer_per_second", limits.integer_per_second},
          {"float_per_second", limits.float_per_second},
          {"profiles", std::move(profiles)}};
}

}  // namespace troupe::cli
