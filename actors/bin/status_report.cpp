#include "actors/bin/status_report.hpp"

#include <fmt/format.h>

#include <boost/json/parse.hpp>
#include <charconv>

#include "actors/bin/cluster_table.hpp"
#include "actors/bin/table.hpp"

namespace troupe::cli {
namespace {

double metric(const server_status& status, std::string_view name) {
  const auto found = status.metrics.find(name);
  return found == status.metrics.end() ? 0 : found->second;
}

std::string whole(double value) { return fmt::format("{:.0f}", value); }

std::string percent(double part, double all) {
  return all > 0 ? fmt::format("{:.1f} %", 100 * part / all) : "-";
}

/// How speculation fares.
std::string guesses(double drafted, double accepted) {
  if (drafted == 0) return "none";
  return fmt::format("{}, {} right", whole(drafted), percent(accepted, drafted));
}

/// Why /health says that the server is not ready.
std::string reason_in(std::string_view health, unsigned health_status) {
  boost::system::error_code code;
  const auto body = boost::json::parse({health.data(), health.size()}, code);
  const auto* reason = code ? nullptr : body.find_pointer("/reason", code);
  if (reason != nullptr && reason->is_string()) return std::string(reason->get_string());
  return fmt::format("status {}", health_status);
}

}  // namespace

metric_values parse_metrics(std::string_view text) {
  metric_values out;
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    const auto name_end = line.find_first_of("{ ");
    if (line.starts_with('#') || name_end == std::string_view::npos) continue;
    const auto labels_end = line.rfind('}');
    std::string_view rest =
        line.substr(labels_end == std::string_view::npos ? name_end : labels_end + 1);
    rest.remove_prefix(std::min(rest.find_first_not_of(' '), rest.size()));
    double value = 0;
    if (std::from_chars(rest.data(), rest.data() + rest.size(), value).ec != std::errc()) continue;
    out[std::string(line.substr(0, name_end))] += value;
  }
  return out;
}

result<server_status> assemble(std::string url, unsigned health_status, std::string_view health,
                               std::string_view models, std::string_view metrics) {
  server_status out;
  out.url = std::move(url);
  out.ready = health_status == 200;
  out.metrics = parse_metrics(metrics);
  if (!out.ready) out.reason = reason_in(health, health_status);
  boost::system::error_code code;
  const auto listed = boost::json::parse({models.data(), models.size()}, code);
  const auto* object = code ? nullptr : listed.if_object();
  const auto* data = object == nullptr ? nullptr : object->if_contains("data");
  if (data == nullptr || !data->is_array()) {
    // A server that is still loading has no model to name.
    if (!out.ready) return out;
    return fail(errc::corrupt, "{}: its /v1/models is not what a troupe server sends", out.url);
  }
  for (const auto& entry : data->get_array()) {
    const auto* model = entry.if_object();
    const auto* id = model == nullptr ? nullptr : model->if_contains("id");
    if (id != nullptr && id->is_string()) out.model = id->get_string();
    const auto* length = model == nullptr ? nullptr : model->if_contains("max_model_len");
    if (length != nullptr && length->is_int64()) out.context = length->get_int64();
  }
  return out;
}

result<void> add_cluster(server_status& status, unsigned answer_status, std::string_view answer) {
  if (answer_status != 200) return {};
  auto report = gateway::parse_cluster_report(answer);
  if (!report)
    return fail(report.error().within(status.url + ": its /cluster is not what troupe sends"));
  status.cluster = std::move(*report);
  return {};
}

std::string to_text(const server_status& status) {
  const auto value = [&status](std::string_view name) { return metric(status, name); };
  const double steps = value("troupe_engine_step_seconds_total");
  std::string out = align(
      {{"server", status.url},
       {"health", status.ready ? "ready" : "not ready: " + status.reason},
       {"model", status.model.empty() ? "-"
                 : status.context > 0 ? fmt::format("{}, context {}", status.model, status.context)
                                      : status.model},
       {"requests",
        fmt::format("{} running, {} waiting", whole(value("troupe_num_requests_running")),
                    whole(value("troupe_num_requests_waiting")))},
       {"key/value memory", percent(value("troupe_kv_cache_usage_perc"), 1)},
       {"prefix cache", percent(value("troupe_prefix_cache_hits_total"),
                                value("troupe_prefix_cache_queries_total")) +
                            " of prompt tokens found"},
       {"tokens", fmt::format("{} read, {} written", whole(value("troupe_prompt_tokens_total")),
                              whole(value("troupe_generation_tokens_total")))},
       {"guessed tokens", guesses(value("troupe_spec_decode_num_draft_tokens_total"),
                                  value("troupe_spec_decode_num_accepted_tokens_total"))},
       {"preemptions", whole(value("troupe_num_preemptions_total"))},
       {"actors' share",
        percent(value("troupe_engine_host_seconds_total"), steps) + " of step time"}},
      false);
  if (status.cluster) out += '\n' + to_text(*status.cluster);
  return out;
}

boost::json::object to_json(const server_status& status) {
  boost::json::object metrics;
  for (const auto& [name, value] : status.metrics) metrics[name] = value;
  boost::json::object out{{"url", status.url},         {"ready", status.ready},
                          {"reason", status.reason},   {"model", status.model},
                          {"context", status.context}, {"metrics", std::move(metrics)}};
  if (status.cluster) out["cluster"] = gateway::to_json(*status.cluster);
  return out;
}

}  // namespace troupe::cli
