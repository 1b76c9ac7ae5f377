#pragma once

#include <spdlog/logger.h>

#include <memory>
#include <string>

#include "runtime/base/result.hpp"
#include "runtime/tracing/span.hpp"

namespace troupe::cli {

/// What sends spans to the collector that the settings or OpenTelemetry's variables name; null
/// where they name none. Fails with invalid_argument where that is no address.
[[nodiscard]] result<std::shared_ptr<span_sink>> open_tracing(
    const std::string& endpoint, const std::shared_ptr<spdlog::logger>& log);

}  // namespace troupe::cli
