#include "actors/gateway/cluster_families.hpp"

#include <algorithm>
#include <set>
#include <string>
#include <string_view>
#include <utility>

namespace troupe::gateway {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;

ClientMetric sample(double value, std::vector<ClientMetric::Label> labels = {}) {
  ClientMetric metric;
  metric.label = std::move(labels);
  metric.gauge.value = value;
  return metric;
}

MetricFamily gauge(const char* name, const char* help, std::vector<ClientMetric> samples) {
  return {std::string("troupe_cluster_") + name, help, prometheus::MetricType::Gauge,
          std::move(samples)};
}

MetricFamily gauge(const char* name, const char* help, double value) {
  return gauge(name, help, std::vector{sample(value)});
}

std::vector<ClientMetric> nodes_by_state(const cluster_view& view) {
  std::vector<ClientMetric> out;
  for (const std::string_view state : {"joining", "up", "suspect", "draining"}) {
    const auto count = std::ranges::count_if(
        view.nodes, [&](const cluster_view::node& n) { return n.state == state; });
    out.push_back(sample(static_cast<double>(count), {{"state", std::string(state)}}));
  }
  return out;
}

/// One for each name: who is there comes first in a view.
std::vector<ClientMetric> nodes_up(const cluster_view& view) {
  std::vector<ClientMetric> out;
  std::set<std::string_view> names;
  for (const cluster_view::node& n : view.nodes) {
    if (!names.insert(n.name).second) continue;
    out.push_back(sample(n.state == "up" ? 1 : 0, {{"node", n.name}, {"host", n.host}}));
  }
  return out;
}

/// Of those that are there.
MetricFamily expert_outputs(const cluster_view& view) {
  std::vector<ClientMetric> samples;
  for (const cluster_view::node& n : view.nodes) {
    if (n.state == "gone") continue;
    ClientMetric metric;
    metric.label = {{"node", n.name}};
    metric.counter.value = static_cast<double>(n.expert_outputs);
    samples.push_back(std::move(metric));
  }
  return {"troupe_cluster_expert_outputs_total",
          "Outputs that stages on other nodes have asked a node's experts for.",
          prometheus::MetricType::Counter, std::move(samples)};
}

MetricFamily counter(const char* name, const char* help,
                     const std::vector<std::pair<const char*, std::uint64_t>>& directions) {
  MetricFamily family{
      std::string("troupe_cluster_") + name, help, prometheus::MetricType::Counter, {}};
  for (const auto& [direction, value] : directions) {
    ClientMetric metric;
    if (*direction != '\0') metric.label = {{"direction", direction}};
    metric.counter.value = static_cast<double>(value);
    family.metric.push_back(std::move(metric));
  }
  return family;
}

void add_scaling(const cluster_view::scaling_state& s, std::vector<MetricFamily>& to) {
  to.push_back(
      gauge("autoscale_nodes", "Nodes: the fewest, the most, and those wanted now.",
            std::vector{sample(s.least, {{"bound", "least"}}), sample(s.most, {{"bound", "most"}}),
                        sample(s.wanted, {{"bound", "wanted"}})}));
  to.push_back(gauge("autoscale_queued_seconds",
                     "How long the request has waited that has waited longest.", s.queued));
  to.push_back(
      gauge("autoscale_tokens_per_second", "Tokens generated, lately.", s.tokens_per_second));
  to.push_back(counter("autoscale_nodes_total", "Nodes asked for, and nodes taken away.",
                       {{"up", s.added}, {"down", s.removed}}));
  to.push_back(
      counter("autoscale_failures_total", "What could not be carried out.", {{"", s.failures}}));
}

}  // namespace

std::vector<MetricFamily> cluster_families(const cluster_view& view) {
  std::size_t homeless = 0;
  std::size_t behind = 0;
  for (const cluster_view::stage& s : view.stages) {
    homeless += s.node.empty() ? 1 : 0;
    const auto there = std::ranges::count_if(s.buddies, &cluster_view::copy::synced);
    const std::size_t wanted = std::max(view.redundancy, 1U) - 1;
    behind += wanted - std::min(wanted, static_cast<std::size_t>(there));
  }
  constexpr unsigned term_bits = 32;
  std::vector<MetricFamily> all{
      gauge("serving", "1: a placement is in force.", view.serving ? 1 : 0),
      gauge("redundant", "1: every copy that was asked for is there and has caught up.",
            view.redundant ? 1 : 0),
      gauge("copies", "Copies of everything that were asked for.", view.redundancy),
      gauge("term", "Leaderships so far.", static_cast<double>(view.epoch >> term_bits)),
      gauge("epoch", "Changes of placement in this term.",
            static_cast<double>(view.epoch & 0xffff'ffffU)),
      gauge("stages", "Parts that the model's layers are in.",
            static_cast<double>(view.stages.size())),
      gauge("stages_without_node", "Of those, parts that nobody serves.",
            static_cast<double>(homeless)),
      gauge("copies_missing", "Copies of parts that are not there, or have not caught up.",
            static_cast<double>(behind)),
      gauge("nodes", "Nodes by state.", nodes_by_state(view)),
      gauge("node_up", "1: the node is up.", nodes_up(view)),
      expert_outputs(view)};
  if (view.scaling) add_scaling(*view.scaling, all);
  return all;
}

}  // namespace troupe::gateway
