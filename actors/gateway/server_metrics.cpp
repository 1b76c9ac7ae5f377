#include "actors/gateway/server_metrics.hpp"

#include <prometheus/text_serializer.h>

#include <iterator>
#include <vector>

#include "actors/gateway/engine_families.hpp"

namespace troupe::gateway {
namespace {

using buckets = prometheus::Histogram::BucketBoundaries;

const buckets& token_buckets() {
  static const buckets b{0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2,
                         0.5,   1,     2,     5,    10,   20,   50,  100};
  return b;
}

const buckets& request_buckets() {
  static const buckets b{0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1,    2,    5,
                         10,   20,   50,   100, 200, 500, 1000, 2000, 5000};
  return b;
}

prometheus::Histogram& histogram(prometheus::Registry& registry, const char* name, const char* help,
                                 const buckets& bounds) {
  return prometheus::BuildHistogram().Name(name).Help(help).Register(registry).Add({}, bounds);
}

const char* reason_label(finish_reason reason) {
  switch (reason) {
    case finish_reason::stop:
      return "stop";
    case finish_reason::length:
      return "length";
    case finish_reason::cancelled:
      return "abort";
    case finish_reason::none:
    case finish_reason::error:
      break;
  }
  return "error";
}

}  // namespace

server_metrics::server_metrics()
    : http_requests_(prometheus::BuildCounter()
                         .Name("troupe_http_requests_total")
                         .Help("HTTP requests answered, by route and status.")
                         .Register(registry_)),
      finished_(prometheus::BuildCounter()
                    .Name("troupe_request_success_total")
                    .Help("Choices that ended, by reason.")
                    .Register(registry_)),
      connections_(prometheus::BuildGauge()
                       .Name("troupe_http_connections")
                       .Help("Open HTTP connections.")
                       .Register(registry_)
                       .Add({})),
      failed_handshakes_(prometheus::BuildCounter()
                             .Name("troupe_tls_failed_handshakes_total")
                             .Help("Connections that ended before TLS was agreed on.")
                             .Register(registry_)
                             .Add({})),
      first_token_(histogram(registry_, "troupe_time_to_first_token_seconds",
                             "From a request's arrival to its first token.", token_buckets())),
      next_token_(histogram(registry_, "troupe_inter_token_latency_seconds",
                            "From one of a request's tokens to the next.", token_buckets())),
      request_(histogram(registry_, "troupe_e2e_request_latency_seconds",
                         "From a request's arrival to the end of its answer.", request_buckets())),
      queue_(histogram(registry_, "troupe_request_queue_time_seconds",
                       "Time that requests waited to be computed.", request_buckets())),
      prefill_(histogram(registry_, "troupe_request_prefill_time_seconds",
                         "Time in which requests' prompts were computed.", request_buckets())),
      decode_(histogram(registry_, "troupe_request_decode_time_seconds",
                        "Time from requests' first tokens to their last.", request_buckets())) {
  // Shown as zero before the first one ends, as rates need.
  for (const finish_reason reason :
       {finish_reason::stop, finish_reason::length, finish_reason::cancelled, finish_reason::error})
    finished_.Add({{"finished_reason", reason_label(reason)}});
}

void server_metrics::count_request(std::string_view route, int status) {
  http_requests_.Add({{"route", std::string(route)}, {"status", std::to_string(status)}})
      .Increment();
}

void server_metrics::count_finished(finish_reason reason) {
  finished_.Add({{"finished_reason", reason_label(reason)}}).Increment();
}

void server_metrics::observe_summary(const generation_summary& summary) {
  queue_.Observe(summary.queue_seconds);
  prefill_.Observe(summary.prefill_seconds);
  decode_.Observe(summary.decode_seconds);
}

std::string server_metrics::render(const engine_stats* stats) const {
  std::vector<prometheus::MetricFamily> all = registry_.Collect();
  if (stats != nullptr) {
    std::vector<prometheus::MetricFamily> engine = engine_families(*stats);
    all.insert(all.begin(), std::make_move_iterator(engine.begin()),
               std::make_move_iterator(engine.end()));
  }
  return prometheus::TextSerializer().Serialize(all);
}

}  // namespace troupe::gateway
