#include "actors/gateway/server_metrics.hpp"

#include <prometheus/text_serializer.h>

#include <chrono>
#include <iterator>
#include <vector>

#include "actors/gateway/cluster_families.hpp"
#include "actors/gateway/engine_families.hpp"
#include "runtime/release/release.hpp"
#include "runtime/tls/certificate_times.hpp"

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

prometheus::MetricFamily ledger_errors(const usage_recorder& ledger) {
  prometheus::ClientMetric metric;
  metric.counter.value = static_cast<double>(ledger.failures());
  return {"troupe_ledger_errors_total",
          "Answers whose usage could not be written down.",
          prometheus::MetricType::Counter,
          {metric}};
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
      certificates_(prometheus::BuildGauge()
                        .Name("troupe_certificate_expiry_timestamp_seconds")
                        .Help("When a certificate in use runs out, by its file.")
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
  prometheus::BuildGauge()
      .Name("troupe_build_info")
      .Help("1, for the version in its label.")
      .Register(registry_)
      .Add({{"version", release::version}})
      .Set(1);
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

void server_metrics::show_certificate(const std::string& file) {
  const auto times = read_certificate_times(file);
  if (!times) return;
  const std::chrono::duration<double> until = times->until.time_since_epoch();
  certificates_.Add({{"file", file}}).Set(until.count());
}

std::string server_metrics::render(const sources& from) const {
  std::vector<prometheus::MetricFamily> all;
  const auto add = [&all](std::vector<prometheus::MetricFamily> more) {
    all.insert(all.end(), std::make_move_iterator(more.begin()),
               std::make_move_iterator(more.end()));
  };
  if (from.engine != nullptr) add(engine_families(*from.engine));
  if (from.cluster != nullptr) add(cluster_families(*from.cluster));
  if (from.ledger != nullptr) add({ledger_errors(*from.ledger)});
  add(registry_.Collect());
  return prometheus::TextSerializer().Serialize(all);
}

}  // namespace troupe::gateway
