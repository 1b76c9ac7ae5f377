#include "actors/bin/cluster_table.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <vector>

#include "actors/bin/table.hpp"

namespace troupe::cli {
namespace {

using rows = std::vector<std::vector<std::string>>;

constexpr std::size_t events_shown = 10;

std::string ago(double seconds) {
  if (seconds < 60) return fmt::format("{:.1f} s ago", seconds);
  if (seconds < 3600) return fmt::format("{:.0f} min ago", seconds / 60);
  return fmt::format("{:.1f} h ago", seconds / 3600);
}

std::string copies(const cluster_view& view) {
  if (view.redundancy < 2) return "1: nothing to spare";
  return fmt::format("{}{}", view.redundancy, view.redundant ? ", all there" : ", not all there");
}

std::string buddies(const cluster_view::stage& stage) {
  std::vector<std::string> names;
  for (const auto& copy : stage.buddies)
    names.push_back(copy.synced ? copy.node : copy.node + " (catching up)");
  return names.empty() ? "-" : fmt::format("{}", fmt::join(names, ", "));
}

std::string holdings(const cluster_view::node& node) {
  std::vector<std::string> all = node.holds;
  if (node.weights && node.weights->got < node.weights->wanted)
    all.push_back(fmt::format("gets weights: {} of {}", short_bytes(node.weights->got),
                              short_bytes(node.weights->wanted)));
  return all.empty() ? "-" : fmt::format("{}", fmt::join(all, ", "));
}

rows node_rows(const cluster_view& view) {
  rows out{{"node", "state", "pid", "threads", "memory", "holds"}};
  for (const auto& node : view.nodes) {
    if (node.state == "gone") continue;
    out.push_back({node.name, node.state, std::to_string(node.pid), std::to_string(node.threads),
                   short_bytes(node.memory_bytes), holdings(node)});
  }
  return out;
}

rows stage_rows(const cluster_view& view) {
  rows out{{"layers", "node", "copies on"}};
  for (const auto& stage : view.stages)
    out.push_back({fmt::format("{}-{}", stage.first, std::max(stage.last, 1U) - 1),
                   stage.node.empty() ? "none" : stage.node, buddies(stage)});
  return out;
}

/// A line that says what autoscaling sees, and one that says what it does.
rows scaling_rows(const cluster_view::scaling_state& s) {
  return {{"autoscaling",
           fmt::format("{} nodes wanted ({} to {}); {:.2f} s queued, {:.0f} % of "
                       "key/value memory, {:.1f} tokens/s",
                       s.wanted, s.least, s.most, s.queued, 100 * s.kv_use, s.tokens_per_second)},
          {"", s.doing}};
}

}  // namespace

std::string to_text(const gateway::cluster_report& report) {
  const cluster_view& view = report.view;
  rows about{{"cluster", view.serving ? "serving" : "not serving"},
             {"epoch", show_epoch(view.epoch)},
             {"copies", copies(view)},
             {"nodes join", report.join.empty() ? "-" : report.join}};
  if (view.scaling)
    for (auto& row : scaling_rows(*view.scaling)) about.push_back(std::move(row));
  std::string out = align(about, false);
  if (!view.nodes.empty()) out += '\n' + align(node_rows(view), false);
  if (!view.stages.empty()) out += '\n' + align(stage_rows(view), false);
  if (view.events.empty()) return out;
  rows events;
  const std::size_t first = view.events.size() - std::min(view.events.size(), events_shown);
  for (std::size_t i = first; i < view.events.size(); ++i)
    events.push_back({ago(view.events[i].seconds_ago), view.events[i].text});
  return out + '\n' + align(events, false);
}

}  // namespace troupe::cli
