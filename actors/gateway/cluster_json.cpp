#include "actors/gateway/cluster_json.hpp"

#include <fmt/format.h>

#include <boost/json/array.hpp>

namespace troupe::gateway {

namespace json = boost::json;

namespace {

json::value name_or_null(const std::string& name) {
  return name.empty() ? json::value(nullptr) : json::value(name);
}

json::object node_object(const cluster_view::node& node) {
  json::value weights;
  if (node.weights)
    weights = json::object{{"got", node.weights->got}, {"wanted", node.weights->wanted}};
  return {{"name", node.name},
          {"peer", fmt::format("{:016x}", node.peer)},
          {"host", node.host},
          {"pid", node.pid},
          {"state", node.state},
          {"kernel_target", node.kernel_target},
          {"threads", node.threads},
          {"memory", node.memory_bytes},
          {"holds", json::array(node.holds.begin(), node.holds.end())},
          {"expert_outputs", node.expert_outputs},
          {"weights", std::move(weights)}};
}

json::object stage_object(const cluster_view::stage& stage) {
  json::array buddies;
  for (const auto& copy : stage.buddies)
    buddies.push_back(json::object{{"node", copy.node}, {"synced", copy.synced}});
  const std::string first = stage.buddies.empty() ? std::string() : stage.buddies.front().node;
  return {{"first", stage.first},
          {"last", stage.last},
          {"node", name_or_null(stage.node)},
          {"buddy", name_or_null(first)},
          {"buddies", std::move(buddies)}};
}

json::object scaling_object(const cluster_view::scaling_state& s) {
  return {{"means", s.means},      {"least", s.least},
          {"most", s.most},        {"wanted", s.wanted},
          {"doing", s.doing},      {"queued_seconds", s.queued},
          {"kv_use", s.kv_use},    {"tokens_per_second", s.tokens_per_second},
          {"added", s.added},      {"removed", s.removed},
          {"failures", s.failures}};
}

}  // namespace

json::object to_json(const cluster_report& report) {
  const cluster_view& view = report.view;
  json::array nodes;
  for (const auto& node : view.nodes) nodes.push_back(node_object(node));
  json::array stages;
  for (const auto& stage : view.stages) stages.push_back(stage_object(stage));
  json::array events;
  for (const auto& event : view.events)
    events.push_back(json::object{{"seconds_ago", event.seconds_ago}, {"text", event.text}});
  json::object all{{"epoch", view.epoch},         {"serving", view.serving},
                   {"redundant", view.redundant}, {"redundancy", view.redundancy},
                   {"join", report.join},         {"nodes", std::move(nodes)},
                   {"stages", std::move(stages)}, {"events", std::move(events)}};
  if (view.scaling) all["autoscale"] = scaling_object(*view.scaling);
  return all;
}

}  // namespace troupe::gateway
