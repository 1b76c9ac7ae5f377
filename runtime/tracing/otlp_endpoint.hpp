#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "runtime/base/result.hpp"
#include "runtime/tracing/span.hpp"

namespace troupe {

/// Where spans go, and what they say of who made them.
struct otlp_endpoint {
  std::string url;   ///< of the collector, with the path; empty: nowhere
  std::string path;  ///< the url's
  std::vector<std::pair<std::string, std::string>> headers;
  std::vector<span_attribute> resource;  ///< service.name first
};

/// A variable of the environment; empty where it is not set.
using environment = std::function<std::string(const char* name)>;

/// The settings' own endpoint, to which /v1/traces is added, else what OpenTelemetry's variables
/// say: OTEL_EXPORTER_OTLP_TRACES_ENDPOINT as it is, or OTEL_EXPORTER_OTLP_ENDPOINT with
/// /v1/traces; OTEL_EXPORTER_OTLP_HEADERS, OTEL_RESOURCE_ATTRIBUTES, OTEL_SERVICE_NAME, and
/// OTEL_SDK_DISABLED. Fails with invalid_argument where the url is none of http or https.
[[nodiscard]] result<otlp_endpoint> find_otlp_endpoint(std::string_view configured,
                                                       const environment& variable);

}  // namespace troupe
