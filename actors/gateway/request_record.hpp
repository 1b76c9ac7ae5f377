#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "actors/gateway/answer_report.hpp"
#include "actors/gateway/http_request.hpp"
#include "runtime/tracing/span.hpp"

namespace troupe::gateway {

/// The log's line about a request that was answered, with its values beside (log_fields). `more`:
/// what the text adds.
[[nodiscard]] std::string log_line(const http_request& request, int status,
                                   std::chrono::steady_clock::duration took, std::string_view more,
                                   const std::optional<answer_report>& report);

/// A span of the request, and within it those of its wait, its prefill and its decode as far as
/// they came to be, under OpenTelemetry's names. The request's goes on with the client's trace, or
/// begins one.
[[nodiscard]] std::vector<span> spans_of(const http_request& request, int status,
                                         std::chrono::steady_clock::time_point begun,
                                         std::chrono::steady_clock::time_point ended,
                                         const std::string& model, const answer_report& report);

}  // namespace troupe::gateway
