#include "actors/gateway/engine_families.hpp"

#include <string>

namespace troupe::gateway {
namespace {

prometheus::MetricFamily family(const char* name, const char* help, prometheus::MetricType type,
                                double value) {
  prometheus::ClientMetric metric;
  if (type == prometheus::MetricType::Counter) {
    metric.counter.value = value;
  } else {
    metric.gauge.value = value;
  }
  return {std::string("troupe_") + name, help, type, {metric}};
}

}  // namespace

std::vector<prometheus::MetricFamily> engine_families(const engine_stats& stats) {
  using prometheus::MetricType;
  std::vector<prometheus::MetricFamily> all;
  const auto gauge = [&all](const char* name, const char* help, auto value) {
    all.push_back(family(name, help, MetricType::Gauge, static_cast<double>(value)));
  };
  const auto counter = [&all](const char* name, const char* help, auto value) {
    all.push_back(family(name, help, MetricType::Counter, static_cast<double>(value)));
  };
  gauge("num_requests_running", "Requests being computed.", stats.requests_running);
  gauge("num_requests_waiting", "Requests in the queue.", stats.requests_waiting);
  gauge("kv_cache_usage_perc", "Share of KV pages in use by running requests, 0 to 1.",
        stats.kv_usage);
  gauge("kv_pages", "KV pages in all.", stats.kv_pages_total);
  gauge("kv_pages_cached", "KV pages held only by the prefix cache.", stats.kv_pages_cached);
  counter("prefix_cache_queries_total", "Prompt tokens looked up in the prefix cache.",
          stats.prefix_queries);
  counter("prefix_cache_hits_total", "Prompt tokens found in the prefix cache.", stats.prefix_hits);
  counter("num_preemptions_total", "Requests set back because KV pages ran out.",
          stats.preemptions);
  counter("prompt_tokens_total", "Prompt tokens processed.", stats.prompt_tokens);
  counter("generation_tokens_total", "Tokens generated.", stats.generation_tokens);
  counter("spec_decode_num_draft_tokens_total", "Guessed tokens that were computed.",
          stats.drafted_tokens);
  counter("spec_decode_num_accepted_tokens_total", "Guessed tokens that turned out right.",
          stats.accepted_tokens);
  counter("engine_steps_total", "Steps of the engine.", stats.steps);
  counter("engine_step_seconds_total", "Time of those steps on the device.", stats.step_seconds);
  counter("engine_host_seconds_total", "Time that actors spent on those steps.",
          stats.host_seconds);
  return all;
}

}  // namespace troupe::gateway
