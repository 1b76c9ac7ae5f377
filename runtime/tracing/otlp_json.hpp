#pragma once

#include <span>
#include <string>
#include <vector>

#include "runtime/tracing/span.hpp"

namespace troupe {

/// An ExportTraceServiceRequest of OTLP in its JSON encoding: the body of POST /v1/traces.
/// `resource` says who made the spans. Text that is no UTF-8 has its bad bytes replaced.
[[nodiscard]] std::string to_otlp_json(std::span<const span> spans,
                                       std::span<const span_attribute> resource);

}  // namespace troupe
