#pragma once

#include <prometheus/counter.h>
#include <prometheus/family.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>

#include <cstddef>
#include <string>
#include <string_view>

#include "cluster/cluster_view.hpp"
#include "runtime/api/generation.hpp"
#include "runtime/billing/usage_record.hpp"

namespace troupe::gateway {

/// What /metrics shows, under the names vLLM made familiar with `troupe_` in front. Any thread.
class server_metrics {
 public:
  server_metrics();

  void count_request(std::string_view route, int status);
  void count_finished(finish_reason reason);
  void count_failed_handshake() { failed_handshakes_.Increment(); }
  void set_connections(std::size_t open) { connections_.Set(static_cast<double>(open)); }

  void observe_first_token(double seconds) { first_token_.Observe(seconds); }
  void observe_next_token(double seconds) { next_token_.Observe(seconds); }
  void observe_request(double seconds) { request_.Observe(seconds); }
  void observe_summary(const generation_summary& summary);

  /// A certificate in use: from now on its end is shown, if the file has one.
  void show_certificate(const std::string& file);

  /// What is asked when somebody looks; null: there is none.
  struct sources {
    const engine_stats* engine = nullptr;
    const cluster_view* cluster = nullptr;
    const usage_recorder* ledger = nullptr;
  };
  /// The text format, version 0.0.4.
  [[nodiscard]] std::string render(const sources& from) const;

 private:
  prometheus::Registry registry_;
  prometheus::Family<prometheus::Counter>& http_requests_;
  prometheus::Family<prometheus::Counter>& finished_;
  prometheus::Family<prometheus::Gauge>& certificates_;
  prometheus::Gauge& connections_;
  prometheus::Counter& failed_handshakes_;
  prometheus::Histogram& first_token_;
  prometheus::Histogram& next_token_;
  prometheus::Histogram& request_;
  prometheus::Histogram& queue_;
  prometheus::Histogram& prefill_;
  prometheus::Histogram& decode_;
};

}  // namespace troupe::gateway
